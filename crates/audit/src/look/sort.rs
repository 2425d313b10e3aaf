//! What lies at positions that the ledger does not know.

use bus::{Bus, Stored};
use contract::{EventId, header::DEDUP_KEY};
use futures::{StreamExt as _, TryStreamExt as _, stream::iter};
use sqlx::PgConnection;
use store::webhook_events::{self, Gap};
use time::OffsetDateTime;

use super::Subject;
use crate::{
    AuditError,
    account::{Sums, push, up_to},
};

/// Messages that are read at one time.
const CONCURRENCY: usize = 64;

/// A message at a settled position that the ledger does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) sequence: i64,
    pub(crate) event_id: EventId,
    pub(crate) published: OffsetDateTime,
    /// It is an event of ours.
    pub(crate) is_event: bool,
    /// It was published again by an audit before.
    pub(crate) is_again: bool,
}

/// Positions by what is there, up to `until`.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// The last position that was looked at.
    pub(super) until: i64,
    /// In the lowest first.
    pub(super) unknown: Vec<Unknown>,
    /// Gone from the stream.
    pub(super) lost: Vec<Gap>,
    /// For another consumer.
    directed: Vec<Gap>,
    /// The ledger has the event, made from a message elsewhere.
    repeats: Vec<Gap>,
}

impl Sorted {
    /// Of the positions up to `until`.
    pub(super) fn sums(&self, until: i64) -> Sums {
        let count = |gaps: &[Gap]| up_to(gaps, until).map(|gap| gap.len()).sum();
        let unknown = self.unknown.iter().filter(|unknown| unknown.sequence <= until).count();
        Sums {
            duplicates: count(&self.repeats),
            directed: count(&self.directed),
            lost: count(&self.lost),
            unknown: i64::try_from(unknown).unwrap_or(i64::MAX),
            ..Sums::default()
        }
    }
}

/// Looks at `gaps`, as far as `messages` allow; each message that is read costs one.
pub(super) async fn sort(
    bus: &Bus,
    connection: &mut PgConnection,
    subject: &Subject<'_>,
    gaps: &[Gap],
    until: i64,
    messages: &mut i64,
) -> Result<Sorted, AuditError> {
    let mut sorted = Sorted { until, ..Sorted::default() };
    for gap in gaps {
        let first = subject.facts.first.max(gap.first);
        if subject.superseded.is_some() || gap.last < first {
            sorted.lost.push(*gap);
            continue;
        }
        if gap.first < first {
            sorted.lost.push(Gap { first: gap.first, last: first - 1 });
        }
        let last = gap.last.min(first - 1 + *messages);
        *messages -= last - first + 1;
        read(bus, connection, subject, Gap { first, last }, &mut sorted).await?;
        if last < gap.last {
            sorted.until = last;
            break;
        }
    }
    Ok(sorted)
}

async fn read(
    bus: &Bus,
    connection: &mut PgConnection,
    subject: &Subject<'_>,
    gap: Gap,
    sorted: &mut Sorted,
) -> Result<(), AuditError> {
    let stream = subject.account.stream.as_str();
    let reading = iter(gap.first..=gap.last).map(|sequence| async move {
        let stored = bus.stored(stream, u64::try_from(sequence).unwrap_or_default()).await?;
        Ok::<_, AuditError>((sequence, stored.map(|stored| (Unknown::of(sequence, &stored), stored))))
    });
    let mut found = reading.buffered(CONCURRENCY);
    let mut ours = Vec::new();
    while let Some((sequence, message)) = found.try_next().await? {
        match message {
            None => push(&mut sorted.lost, sequence),
            Some((_, stored))
                if !subject.consumer.is_some_and(|consumer| consumer.reads(&stored.subject)) =>
            {
                push(&mut sorted.directed, sequence);
            }
            Some((unknown, stored)) => ours.push((unknown, stored.envelope().dedup_key)),
        }
    }
    let asked: Vec<_> = ours.iter().map(|(unknown, key)| (unknown.event_id, key.as_str())).collect();
    let known = webhook_events::statuses(connection, &subject.account.provider, &asked).await?;
    for ((unknown, _), status) in ours.into_iter().zip(known) {
        match status {
            Some(_) => push(&mut sorted.repeats, unknown.sequence),
            None => sorted.unknown.push(unknown),
        }
    }
    Ok(())
}

impl Unknown {
    fn of(sequence: i64, stored: &Stored) -> Self {
        Self {
            sequence,
            event_id: stored.envelope().id,
            published: stored.published,
            is_event: stored.is_event(),
            is_again: stored.header(DEDUP_KEY).is_some(),
        }
    }
}
