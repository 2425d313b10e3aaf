//! Recording events about which their consumer said nothing more, by whoever finds them: ledger and dead letter in one
//! transaction.

mod case;

use std::collections::BTreeMap;

use bus::{Bus, Stored, claim::Claims};
use contract::{Code, EventId, stream};
use futures::{StreamExt as _, TryStreamExt as _, stream::iter};
use sqlx::{PgConnection, PgPool};
use store::{
    dead_letters::{self, FoundBy},
    event_handlings,
    webhook_events::{self, Abandoned, Fate, Gap, Grave, Reason},
};
use time::OffsetDateTime;

use self::case::Case;
use crate::{AuditError, gone};

/// Messages that are fetched at one time, and recorded in one transaction: with their bodies they are in memory.
const CHUNK: usize = 128;

/// A message that the broker will not deliver again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Whose event it is.
    pub provider: &'static str,
    /// Its stream.
    pub stream: String,
    /// The consumer that it will not come to again.
    pub consumer: String,
    /// Its position.
    pub sequence: u64,
    /// The event that lay there, if that is known: what lies there now may be another one.
    pub event_id: Option<EventId>,
    /// Which stream of that name is meant.
    pub incarnation: Incarnation,
    /// Times it was delivered, as far as is known.
    pub attempts: u64,
    /// Why, in one word.
    pub code: String,
    /// What to say where nobody has said more.
    pub error: String,
}

/// Positions count anew when a stream is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incarnation {
    /// The stream that is there, made then.
    Current(OffsetDateTime),
    /// One that was there before, and went then: its messages are gone.
    Before(OffsetDateTime),
}

/// What became of a message that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has a dead letter now.
    Recorded,
    /// It had one.
    Known,
    /// Nobody misses it: the event is completed, or repeats another one.
    Settled,
}

/// Records what was given up.
#[derive(Debug, Clone)]
pub struct Burial {
    bus: Bus,
    pool: PgPool,
    claims: Claims,
    claim_max_bytes: usize,
}

impl Burial {
    /// A burial on these connections.
    pub fn new(bus: &Bus, pool: &PgPool, nats: &config::Nats, audit: &config::Audit) -> Self {
        Self {
            bus: bus.clone(),
            pool: pool.clone(),
            claims: Claims::new(bus, nats),
            claim_max_bytes: audit.claim_max_bytes,
        }
    }

    /// Records each, and says what became of each. Safe to repeat, in any order and by several at once.
    ///
    /// # Errors
    /// Broker or database did not answer; some may be recorded.
    pub async fn bury(
        &self,
        given_up: &[GivenUp],
        found_by: FoundBy,
        now: OffsetDateTime,
    ) -> Result<Vec<Outcome>, AuditError> {
        let mut outcomes = Vec::with_capacity(given_up.len());
        for chunk in given_up.chunks(CHUNK) {
            outcomes.extend(self.chunk(chunk, found_by, now).await?);
        }
        Ok(outcomes)
    }

    async fn chunk(
        &self,
        given_up: &[GivenUp],
        found_by: FoundBy,
        now: OffsetDateTime,
    ) -> Result<Vec<Outcome>, AuditError> {
        // Owned, since the compiler cannot follow a borrowed item through the stream.
        let places: Vec<_> =
            given_up.iter().map(|one| (one.stream.clone(), one.sequence, one.incarnation)).collect();
        let fetching = iter(places).map(|(stream, sequence, incarnation)| async move {
            Ok::<_, AuditError>(match incarnation {
                Incarnation::Current(_) => self.bus.stored(&stream, sequence).await?,
                Incarnation::Before(_) => None,
            })
        });
        let stored: Vec<_> = fetching.buffered(CHUNK).try_collect().await?;
        self.confirm_gone(given_up, &stored).await?;
        let mut connection = self.pool.acquire().await?;
        let mut cases = Vec::with_capacity(given_up.len());
        for (one, stored) in given_up.iter().zip(stored) {
            cases.push(Case::of(&mut connection, one, stored).await?);
        }
        drop(connection);
        let (claimed, plain): (Vec<_>, Vec<_>) =
            (0..cases.len()).partition(|index| cases.get(*index).is_some_and(Case::names_a_claim));
        let mut outcomes = vec![Outcome::Settled; cases.len()];
        self.record(&mut cases, &plain, &mut outcomes, found_by, now).await?;
        for index in claimed {
            // One by one: a claimed body may be a hundred times larger than a message.
            if let Some(case) = cases.get_mut(index) {
                case.fetch_claim(&self.claims, self.claim_max_bytes).await?;
            }
            self.record(&mut cases, &[index], &mut outcomes, found_by, now).await?;
            if let Some(case) = cases.get_mut(index) {
                case.body = None;
            }
        }
        Ok(outcomes)
    }

    /// Fails where a message was not found that is not gone: it would be recorded without its body, for good. Proved by
    /// `a_broker_that_is_stopped_while_advisories_are_read_costs_no_body`.
    async fn confirm_gone(&self, given_up: &[GivenUp], stored: &[Option<Stored>]) -> Result<(), AuditError> {
        let mut missing: BTreeMap<(&str, OffsetDateTime), Vec<Gap>> = BTreeMap::new();
        for (one, stored) in given_up.iter().zip(stored) {
            if let (Incarnation::Current(created), None) = (one.incarnation, stored) {
                let sequence = i64::try_from(one.sequence).unwrap_or(i64::MAX);
                let gap = Gap { first: sequence, last: sequence };
                missing.entry((one.stream.as_str(), created)).or_default().push(gap);
            }
        }
        for (place, gaps) in missing {
            gone::confirm_each(&self.bus, place, &gaps).await?;
        }
        Ok(())
    }

    /// One transaction for those of `cases` that `indices` name.
    async fn record(
        &self,
        cases: &mut [Case<'_>],
        indices: &[usize],
        outcomes: &mut [Outcome],
        found_by: FoundBy,
        now: OffsetDateTime,
    ) -> Result<(), AuditError> {
        if indices.is_empty() {
            return Ok(());
        }
        let chosen: Vec<&Case<'_>> = indices.iter().filter_map(|index| cases.get(*index)).collect();
        let mut transaction = self.pool.begin().await?;
        let fates = fates(&mut transaction, &chosen, now).await?;
        let letters: Vec<_> = chosen
            .iter()
            .zip(&fates)
            .filter_map(|(case, fate)| Some(case.letter(grave(fate)?, found_by)))
            .collect();
        let new = dead_letters::record(&mut transaction, &letters).await?;
        transaction.commit().await?;
        for (index, fate) in indices.iter().zip(&fates) {
            if let Some(outcome) = outcomes.get_mut(*index) {
                *outcome = match grave(fate) {
                    Some(grave) if new.contains(&grave.id.0) => Outcome::Recorded,
                    Some(_) => Outcome::Known,
                    None => Outcome::Settled,
                };
            }
        }
        Ok(())
    }
}

fn grave(fate: &Fate) -> Option<&Grave> {
    match fate {
        Fate::Buried(grave) | Fate::WasDead(grave) => Some(grave),
        Fate::Settled => None,
    }
}

/// Closes the account of each event with its consumer, and says how each stands.
async fn fates(
    connection: &mut PgConnection,
    cases: &[&Case<'_>],
    now: OffsetDateTime,
) -> Result<Vec<Fate>, AuditError> {
    let mut fates: Vec<Option<Fate>> =
        cases.iter().map(|case| case.is_repeat.then_some(Fate::Settled)).collect();
    let is_primary =
        |case: &Case<'_>| stream::primary_of(&case.given_up.stream) == Some(case.given_up.consumer.as_str());
    let open: Vec<_> = (0..cases.len()).filter(|index| fates.get(*index) == Some(&None)).collect();
    let (primary, secondary): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|index| cases.get(*index).is_some_and(|case| is_primary(case)));
    let abandoned: Vec<_> =
        primary.iter().filter_map(|index| cases.get(*index)).map(|case| case.abandoned()).collect();
    let buried = webhook_events::bury(connection, &abandoned, now).await?;
    for (index, fate) in primary.into_iter().zip(buried) {
        if let Some(place) = fates.get_mut(index) {
            *place = Some(fate);
        }
    }
    for index in secondary {
        if let (Some(place), Some(case)) = (fates.get_mut(index), cases.get(index)) {
            *place = Some(beside_the_ledger(connection, case, now).await?);
        }
    }
    Ok(fates.into_iter().map(|fate| fate.unwrap_or(Fate::Settled)).collect())
}

/// The same for a consumer that does not keep the ledger.
async fn beside_the_ledger(
    connection: &mut PgConnection,
    case: &Case<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Fate> {
    let Abandoned { event, code, error } = case.abandoned();
    let (consumer, id) = (&case.given_up.consumer, event.envelope.id);
    let before = event_handlings::failure_of(connection, consumer, id).await?;
    // What its own last attempt said is more than we know.
    let error = before.as_ref().and_then(|before| before.error.as_deref()).unwrap_or(error);
    let reason = Reason { code: Code::from_word(code), error, headers: None };
    let taken = event_handlings::record_dead(connection, consumer, &event, reason, now).await?;
    let Some(after) = event_handlings::failure_of(connection, consumer, id).await? else {
        return Ok(Fate::Settled);
    };
    let grave = Grave {
        id,
        attempts: after.attempts,
        code: after.code.unwrap_or_default(),
        error: after.error.unwrap_or_default(),
        first_failed_at: after.started_at.min(now),
        last_failed_at: after.finished_at.unwrap_or(now),
        trace_id: after.trace_id,
    };
    Ok(match after.status {
        webhook_events::Status::DeadLetter if taken => Fate::Buried(grave),
        webhook_events::Status::DeadLetter => Fate::WasDead(grave),
        _ => Fate::Settled,
    })
}
