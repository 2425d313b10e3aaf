//! Which events of a batch a secondary consumer may act on.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Initial, by_key, insert, insert_repeats, replays};
use crate::{
    column,
    webhook_events::{Event, Status},
};

/// What a consumer may do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Act: it was never seen.
    New,
    /// Act: an earlier attempt was not completed, and may have had effects.
    Resumed,
    /// Acknowledge and do nothing: it is completed or dead, or it repeats another event.
    Settled,
}

impl Admitted {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resumed => "resumed",
            Self::Settled => "duplicate",
        }
    }

    /// Whether there is anything to do.
    pub const fn may_act(self) -> bool {
        matches!(self, Self::New | Self::Resumed)
    }
}

/// Enters a batch as being handled by `consumer` and says, event by event, what it may do. Commit before acting outside
/// of this database: the row then tells the next attempt that there was one.
///
/// A repeat under another id is noted as completed and never acts: if the original is still open, its own message
/// brings it. Proved by `a_secondary_consumer_acts_once_on_an_event_however_often_it_comes`.
///
/// # Errors
/// Those of the database; the transaction is then void.
pub async fn admit(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[Event<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Admitted>> {
    let sorted = by_key(events);
    let processing =
        Initial { consumer, status: Status::Processing, error_code: None, error_message: None, now };
    let mut inserted = insert(connection, &column(&sorted, |(_, event)| *event), &processing).await?;
    let (new, seen): (Vec<_>, Vec<_>) =
        // The same id twice: only the first is new.
        sorted.into_iter().partition(|(_, event)| inserted.remove(&event.envelope.id.0));
    let mut verdicts = column(&new, |(index, _)| (*index, Admitted::New));
    if !seen.is_empty() {
        let fresh: Vec<_> = column(&new, |(_, event)| event.envelope.id.0);
        let events = column(&seen, |(_, event)| *event);
        let mut open = resume(connection, consumer, &events, &fresh).await?;
        insert_repeats(connection, consumer, &events, now).await?;
        verdicts.extend(seen.iter().map(|(index, event)| {
            // Removed, so that a second copy in the same batch does not act beside the first.
            let resumed = open.remove(&event.envelope.id.0);
            (*index, if resumed { Admitted::Resumed } else { Admitted::Settled })
        }));
    }
    verdicts.sort_unstable_by_key(|(index, _)| *index);
    let mut verdicts = column(&verdicts, |(_, admitted)| *admitted);
    replays::settle(connection, consumer, events, &mut verdicts, now).await?;
    Ok(verdicts)
}

/// Takes over what an earlier attempt left open, and says which those are. `fresh` are those of this very batch.
async fn resume(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[&Event<'_>],
    fresh: &[Uuid],
) -> sqlx::Result<HashSet<Uuid>> {
    // Of one id the row is taken over once: the highest attempt counts.
    let mut attempts = BTreeMap::new();
    for event in events {
        let known = attempts.entry(event.envelope.id.0).or_insert((0, None));
        *known = (known.0.max(event.attempt()), event.trace_id.as_deref());
    }
    let rows: Vec<_> = attempts.into_iter().filter(|(id, _)| !fresh.contains(id)).collect();
    let resumed = sqlx::query_scalar!(
        "with open as (
            select event_id from event_handlings
            where consumer = $1 and event_id = any($2) and (status || '') in ('processing', 'failed')
            order by event_id
            for update
        )
        update event_handlings handling
        set status = 'processing', attempts = greatest(handling.attempts, resumed.attempts),
            trace_id = coalesce(resumed.trace_id, handling.trace_id)
        from open, unnest($2::uuid[], $3::integer[], $4::text[]) as resumed (event_id, attempts, trace_id)
        where handling.consumer = $1 and handling.event_id = open.event_id and resumed.event_id = open.event_id
        returning handling.event_id",
        consumer,
        &column(&rows, |(id, _)| *id),
        &column(&rows, |(_, (attempts, _))| *attempts),
        &column(&rows, |(_, (_, trace_id))| *trace_id) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(resumed.into_iter().collect())
}
