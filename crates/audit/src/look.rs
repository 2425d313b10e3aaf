//! Looking at one stream: which of its positions are accounted for. Changes nothing.

mod back;
mod sort;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bus::Bus;
use sqlx::{PgConnection, PgPool};
use store::{
    stream_accounts::StreamAccount,
    webhook_events::{self, Gap, Kept, Stretch, Tally},
};
use time::OffsetDateTime;

pub use self::back::SetBack;
use self::sort::Sorted;
pub(crate) use self::sort::Unknown;
use crate::{
    AuditError,
    account::{self, Sums},
    doubts::Doubts,
    facts::{ConsumerFacts, StreamFacts},
    gone,
};

/// Positions that are counted in one statement: some hundred milliseconds.
const CHUNK: i64 = 50_000;
/// Gaps that one statement gives.
const GAPS_MAX: u16 = 1_000;
/// Stuck events that are looked at in one go; they come with their bodies.
const STUCK_MAX: u16 = 100;

/// How much one look may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Positions counted.
    pub(crate) positions: i64,
    /// Messages read one by one.
    pub(crate) messages: i64,
}

/// One stream, there now or in the past.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    /// Its books so far.
    pub(crate) account: &'a StreamAccount,
    /// What the broker says of it.
    pub(crate) facts: StreamFacts,
    /// When the next stream of that name was made, if it is in the past.
    pub(crate) superseded: Option<OffsetDateTime>,
    /// Its primary consumer; `None`: there is none, and all that is there waits for it.
    pub(crate) consumer: Option<&'a ConsumerFacts>,
    /// Losses that are not believed yet.
    pub(crate) doubts: &'a Doubts,
    /// What is younger than this is left for the next audit.
    pub(crate) grace: Duration,
    pub(crate) now: OffsetDateTime,
}

impl Subject<'_> {
    /// Every position up to here has been settled by its consumer, or can no longer be.
    fn settled(&self) -> i64 {
        match (self.superseded, self.consumer) {
            (Some(_), _) => self.facts.last,
            (None, Some(consumer)) => consumer.settled.min(self.facts.last),
            (None, None) => 0,
        }
    }

    fn stretch(&self, after: i64, until: i64) -> Stretch<'_> {
        Stretch {
            stream: &self.account.stream,
            incarnation: self.account.incarnation,
            superseded: self.superseded,
            after,
            until,
        }
    }
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Look {
    /// The books as they can be moved on.
    pub(crate) account: StreamAccount,
    /// Everything up to the newest position.
    pub(crate) sums: Sums,
    /// Settled positions that the ledger does not know, whose messages are there.
    pub(crate) unknown: Vec<Unknown>,
    /// Events that the ledger has open although they will not come again; the first ones.
    pub(crate) stuck: Vec<Kept>,
    /// Positions that are gone from the stream and that the ledger never had; not yet in the books.
    pub(crate) lost: Vec<Gap>,
    /// Settled positions that were not looked at.
    pub(crate) not_reached: i64,
    /// Positions that are not settled, or were not reached.
    pub(crate) pending: i64,
    /// The stream ends before what was seen of it.
    pub(crate) set_back: Option<SetBack>,
}

impl Look {
    /// Of the losses, those that the moved books count.
    pub(crate) fn lost_for_good(&self) -> impl Iterator<Item = Gap> {
        account::up_to(&self.lost, self.account.settled_sequence)
    }
}

/// Looks at a stream from where its books end.
pub(crate) async fn look(
    bus: &Bus,
    pool: &PgPool,
    subject: &Subject<'_>,
    mut budget: Budget,
) -> Result<Look, AuditError> {
    let mut connection = pool.acquire().await?;
    let before = subject.account;
    let settled = subject.settled();
    let place = (before.stream.as_str(), before.incarnation);
    let stuck = match subject.superseded {
        // Rows of streams that are no more are listed with those of the one that is.
        Some(_) => Vec::new(),
        None => webhook_events::stuck(&mut connection, place, settled, STUCK_MAX).await?,
    };
    let mut look = Look {
        account: StreamAccount {
            last_sequence: before.last_sequence.max(subject.facts.last),
            ..before.clone()
        },
        sums: Sums::of_account(before),
        unknown: Vec::new(),
        stuck,
        lost: Vec::new(),
        not_reached: 0,
        pending: 0,
        set_back: None,
    };
    let (mut after, mut is_blocked) = (before.settled_sequence, false);
    while after < settled && budget.positions > 0 && budget.messages > 0 {
        let until = settled.min(after + CHUNK.min(budget.positions));
        let (until, gaps) = gaps(&mut connection, subject.stretch(after, until)).await?;
        let sorted = sort::sort(bus, &mut connection, subject, &gaps, until, &mut budget.messages).await?;
        let until = sorted.until;
        budget.positions -= until - after;
        let tally = webhook_events::tally(&mut connection, subject.stretch(after, until)).await?;
        look.add(&sorted, tally);
        if !is_blocked {
            let young = subject.doubts.first_young(before, &sorted.lost, subject.grace, subject.now);
            let clear =
                look.clear_until(&sorted, tally, after).min(young.map_or(i64::MAX, |young| young - 1));
            is_blocked = clear < until;
            look.move_on(&mut connection, subject, &sorted, (after, clear)).await?;
        }
        after = until;
    }
    look.not_reached = (settled - after).max(0);
    let tail = subject.stretch(after.max(settled), subject.facts.last);
    let tally = webhook_events::tally(&mut connection, tail).await?;
    let known = tally.completed + tally.dead + tally.duplicates;
    look.sums += Sums { open: 0, ..Sums::of_tally(tally) };
    look.pending = (tail.until - tail.after).max(0) - known + look.not_reached;
    if subject.superseded.is_none() {
        // The ledger first: what it has then was on the stream before that is asked.
        let in_ledger =
            webhook_events::highest_above(&mut connection, place, subject.facts.last).await?.unwrap_or(0);
        let now = gone::confirm(bus, (before.stream.as_str(), subject.facts), &look.lost).await?;
        look.compare_end(bus, &mut connection, subject, (in_ledger, now)).await?;
    }
    Ok(look)
}

impl Look {
    fn add(&mut self, sorted: &Sorted, tally: Tally) {
        self.sums += Sums::of_tally(tally);
        self.sums += sorted.sums(i64::MAX);
        self.unknown.extend(sorted.unknown.iter().cloned());
        self.lost.extend(sorted.lost.iter().copied());
    }

    /// The last position before anything that is not accounted for.
    fn clear_until(&self, sorted: &Sorted, tally: Tally, after: i64) -> i64 {
        let unknown = sorted.unknown.first().map(|unknown| unknown.sequence);
        let open = || {
            let is_here = |kept: &&Kept| kept.sequence > after && kept.created_at >= self.account.incarnation;
            // What is stuck is listed from the lowest, but not all of it.
            self.stuck.iter().find(is_here).map_or(after + 1, |kept| kept.sequence)
        };
        let open = (tally.open > 0).then(open);
        unknown.into_iter().chain(open).min().map_or(sorted.until, |obstacle| obstacle - 1)
    }

    async fn move_on(
        &mut self,
        connection: &mut PgConnection,
        subject: &Subject<'_>,
        sorted: &Sorted,
        (after, clear): (i64, i64),
    ) -> Result<(), AuditError> {
        if clear <= after {
            return Ok(());
        }
        // Counted again: between two statements an open row may have closed.
        let tally = webhook_events::tally(connection, subject.stretch(after, clear)).await?;
        let mut passed = Sums::of_tally(tally);
        passed += sorted.sums(clear);
        let counted = passed.completed + passed.dead + passed.duplicates + passed.directed + passed.lost;
        if counted == clear - after {
            self.account = account::moved_on(&self.account, passed, clear);
        }
        Ok(())
    }
}

/// The gaps of a stretch, and how far they were looked for.
async fn gaps(connection: &mut PgConnection, stretch: Stretch<'_>) -> Result<(i64, Vec<Gap>), AuditError> {
    let gaps = webhook_events::gaps(connection, stretch, GAPS_MAX).await?;
    let until = match gaps.last() {
        Some(last) if gaps.len() == usize::from(GAPS_MAX) => last.last,
        _ => stretch.until,
    };
    Ok((until, gaps))
}

/// How long ago something was, by two clocks that may differ.
pub(crate) fn age(then: OffsetDateTime, now: OffsetDateTime) -> Duration {
    (now - then).try_into().unwrap_or_default()
}
