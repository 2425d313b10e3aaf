//! Healing what a look has found.

use async_nats::{HeaderMap, HeaderName, HeaderValue, jetstream::message::PublishMessage};
use bus::{Bus, Stored};
use contract::{code, header};
use sqlx::PgPool;
use store::{
    dead_letters::{self, FoundBy},
    webhook_event_duplicates,
    webhook_events::{Event, Kept, Position},
};
use time::OffsetDateTime;
use tracing::{info, warn};

use crate::{
    AuditError, Burial, GivenUp, Healed, Incarnation,
    burial::Outcome,
    facts::{ConsumerFacts, StreamFacts},
    look::{Look, Unknown, age},
};

/// What healing needs beside what was found.
pub(crate) struct Healer<'a> {
    pub(crate) bus: &'a Bus,
    pub(crate) pool: &'a PgPool,
    pub(crate) burial: &'a Burial,
    pub(crate) provider: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) primary: &'static str,
    pub(crate) facts: StreamFacts,
    /// What is younger than this is left for the next audit.
    pub(crate) grace: std::time::Duration,
    pub(crate) now: OffsetDateTime,
}

impl Healer<'_> {
    /// Heals what is old enough.
    pub(crate) async fn heal(
        &self,
        look: &Look,
        consumer: Option<&ConsumerFacts>,
    ) -> Result<Healed, AuditError> {
        let mut healed = Healed { dead: self.bury_stuck(&look.stuck, consumer).await?, ..Healed::default() };
        let unknown: Vec<&Unknown> =
            look.unknown.iter().filter(|unknown| age(unknown.published, self.now) >= self.grace).collect();
        if unknown.is_empty() {
            return Ok(healed);
        }
        let (again, dead): (Vec<_>, Vec<_>) = if self.are_exhausted(unknown.len(), consumer).await? {
            (Vec::new(), unknown)
        } else {
            // What is no event of ours cannot be published as the same event; and once is enough.
            unknown.into_iter().partition(|unknown| unknown.is_event && !unknown.is_again)
        };
        healed.dead += self.bury_unknown(&dead).await?;
        for unknown in again {
            healed.again += u64::from(self.again(unknown).await?);
        }
        Ok(healed)
    }

    /// Whether the broker's own count explains that many unknown messages: it delivered them until it gave up, and its
    /// advisories were lost. Otherwise they were passed over, and deserve to be delivered.
    async fn are_exhausted(
        &self,
        unknown: usize,
        consumer: Option<&ConsumerFacts>,
    ) -> Result<bool, AuditError> {
        let Some(consumer) = consumer else { return Ok(false) };
        let mut connection = self.pool.acquire().await?;
        let place = (self.stream, self.facts.incarnation);
        let known = dead_letters::exhausted(&mut connection, place, self.primary, self.facts.first).await?;
        let unexplained = consumer.redelivered - consumer.in_hand - known;
        Ok(i64::try_from(unknown).unwrap_or(i64::MAX) <= unexplained)
    }

    async fn bury_stuck(&self, stuck: &[Kept], consumer: Option<&ConsumerFacts>) -> Result<u64, AuditError> {
        let mut given_up = Vec::new();
        for kept in stuck.iter().filter(|kept| age(kept.envelope.time, self.now) >= self.grace) {
            let Some(incarnation) = self.incarnation_of(kept, consumer).await? else { continue };
            let (code, error) = match incarnation {
                Incarnation::Current(_) => {
                    (code::ATTEMPTS_EXHAUSTED, "the broker gave up without a word of the consumer")
                }
                Incarnation::Before(_) => (code::MESSAGE_LOST, "its stream was deleted"),
            };
            given_up.push(GivenUp {
                provider: self.provider,
                stream: self.stream.to_owned(),
                consumer: self.primary.to_owned(),
                sequence: u64::try_from(kept.sequence).unwrap_or_default(),
                event_id: Some(kept.envelope.id),
                incarnation,
                attempts: u64::try_from(kept.attempts).unwrap_or_default(),
                code: code.as_str().to_owned(),
                error: error.to_owned(),
            });
        }
        self.bury(&given_up).await
    }

    /// Which stream a row is of; `None`: it is not stuck at all. A row that seems older than the stream may be one that a
    /// database whose clock is behind the broker's has just made.
    async fn incarnation_of(
        &self,
        kept: &Kept,
        consumer: Option<&ConsumerFacts>,
    ) -> Result<Option<Incarnation>, AuditError> {
        let current = Incarnation::Current(self.facts.incarnation);
        if kept.created_at >= self.facts.incarnation {
            return Ok(Some(current));
        }
        let sequence = u64::try_from(kept.sequence).unwrap_or_default();
        let id = kept.envelope.id.to_string();
        let stored = self.bus.stored(self.stream, sequence).await?;
        let is_here = stored.is_some_and(|stored| stored.header(header::CE_ID) == Some(id.as_str()));
        let is_settled = consumer.is_some_and(|consumer| kept.sequence <= consumer.settled);
        Ok(match (is_here, is_settled) {
            (false, _) => Some(Incarnation::Before(self.facts.incarnation)),
            (true, true) => Some(current),
            (true, false) => None,
        })
    }

    async fn bury_unknown(&self, unknown: &[&Unknown]) -> Result<u64, AuditError> {
        let given_up = |unknown: &&Unknown| {
            let (code, error) = if unknown.is_event {
                (code::ATTEMPTS_EXHAUSTED, "the broker gave up, and the consumer never said a word")
            } else {
                (code::ENVELOPE_INVALID, "no event of ours, and never recorded")
            };
            GivenUp {
                provider: self.provider,
                stream: self.stream.to_owned(),
                consumer: self.primary.to_owned(),
                sequence: u64::try_from(unknown.sequence).unwrap_or_default(),
                event_id: None,
                incarnation: Incarnation::Current(self.facts.incarnation),
                attempts: 0,
                code: code.as_str().to_owned(),
                error: error.to_owned(),
            }
        };
        self.bury(&unknown.iter().map(given_up).collect::<Vec<_>>()).await
    }

    pub(crate) async fn bury(&self, given_up: &[GivenUp]) -> Result<u64, AuditError> {
        let outcomes = self.burial.bury(given_up, FoundBy::Reconciler, self.now).await?;
        let recorded = outcomes.iter().filter(|outcome| **outcome == Outcome::Recorded).count();
        if recorded > 0 {
            warn!(stream = self.stream, recorded, "dead letters recorded that nobody had told of");
        }
        Ok(u64::try_from(recorded).unwrap_or(u64::MAX))
    }

    /// Publishes a message again that its consumer never saw, as the same event. Its old position is from then on a
    /// repeat's. A crash between the two publishes it once more, which the stream drops, or later the ledger.
    async fn again(&self, unknown: &Unknown) -> Result<bool, AuditError> {
        let sequence = u64::try_from(unknown.sequence).unwrap_or_default();
        let Some(stored) = self.bus.stored(self.stream, sequence).await? else { return Ok(false) };
        self.publish(&stored).await?;
        let envelope = stored.envelope();
        let event = Event {
            provider: self.provider,
            envelope: &envelope,
            body: &stored.payload,
            lead_id: None,
            updated_at: None,
            position: Position { stream: self.stream, subject: &stored.subject, sequence },
            attempt: 0,
            trace_id: None,
        };
        let mut connection = self.pool.acquire().await?;
        webhook_event_duplicates::insert(&mut connection, &[&event]).await?;
        info!(event.id = %envelope.id, stream = self.stream, sequence, "published again");
        Ok(true)
    }

    async fn publish(&self, stored: &Stored) -> Result<(), AuditError> {
        let about = || format!("publishing message {} of stream {} again", stored.sequence, self.stream);
        let message = PublishMessage::build()
            .headers(headers(stored).map_err(|error| AuditError::broker(about(), error))?)
            .payload(stored.payload.clone())
            .expected_stream(self.stream);
        let publishing =
            async { self.bus.jetstream().send_publish(stored.subject.clone(), message).await?.await };
        publishing.await.map_err(|error| AuditError::broker(about(), error))?;
        Ok(())
    }
}

/// The message's own headers, under another id: the stream knows the old one, and would drop it. The event's key stays
/// what it was.
fn headers(stored: &Stored) -> Result<HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
    const COMMANDS: &str = "Nats-";
    let mut headers = HeaderMap::new();
    for (name, value) in stored.headers.iter().filter(|(name, _)| !name.starts_with(COMMANDS)) {
        headers.append(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
    }
    let key = stored.header(header::NATS_MSG_ID).unwrap_or_default();
    headers.insert(header::NATS_MSG_ID, format!("{key}#again").parse::<HeaderValue>()?);
    headers.insert(header::DEDUP_KEY, key.parse::<HeaderValue>()?);
    Ok(headers)
}
