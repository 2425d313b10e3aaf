//! What the secondary consumers of a stream made of each event. The primary one's account is the ledger.

mod admit;
mod attempts;
mod erase;
mod record;
mod replays;
mod stuck;
mod unseen;

use std::collections::HashSet;

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    column,
    webhook_events::{Event, Status},
};

pub use admit::{Admitted, admit};
pub use attempts::{attempts, release};
pub use erase::erase_errors;
pub use record::{record_dead, record_failed};
pub use stuck::{Failing, Open, failure_of, open_and_dead, stuck};
pub use unseen::{Unseen, unseen};

/// What a new row says beside the event itself.
struct Initial<'a> {
    consumer: &'a str,
    status: Status,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    now: OffsetDateTime,
}

impl Initial<'_> {
    const fn finished_at(&self) -> Option<OffsetDateTime> {
        match self.status {
            Status::Completed | Status::DeadLetter => Some(self.now),
            Status::Received | Status::Processing | Status::Failed => None,
        }
    }
}

/// Completes what a consumer has done, and says how many of these it had open: what is completed or dead stays as it is.
/// Proved by `a_handling_that_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn complete(
    connection: &mut PgConnection,
    consumer: &str,
    ids: &[EventId],
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let mut ids = column(ids, |id| id.0);
    // Locked in one order, so that two transactions cannot wait crosswise.
    ids.sort_unstable();
    let updated = sqlx::query!(
        "with open as (
            select event_id from event_handlings
            where consumer = $1 and event_id = any($2) and (status || '') in ('processing', 'failed')
            order by event_id
            for update
        )
        update event_handlings handling
        set status = 'completed', finished_at = $3, error_code = null, error_message = null
        from open
        where handling.consumer = $1 and handling.event_id = open.event_id",
        consumer,
        &ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected())
}

/// How far a consumer is with an event; none if it never saw it.
///
/// # Errors
/// Those of the database.
pub async fn status(
    connection: &mut PgConnection,
    consumer: &str,
    id: EventId,
) -> sqlx::Result<Option<Status>> {
    sqlx::query_scalar!(
        r#"select status as "status: Status" from event_handlings where event_id = $1 and consumer = $2"#,
        id.0,
        consumer,
    )
    .fetch_optional(connection)
    .await
}

/// Inserts the events whose id and key are both new to the consumer, and says which they are.
async fn insert(
    connection: &mut PgConnection,
    events: &[&Event<'_>],
    initial: &Initial<'_>,
) -> sqlx::Result<HashSet<Uuid>> {
    let inserted = sqlx::query_scalar!(
        "insert into event_handlings (event_id, consumer, provider, dedup_key, stream, stream_sequence, status, attempts,
            error_code, error_message, trace_id, started_at, finished_at)
        select event_id, $1, provider, dedup_key, stream, stream_sequence, $2, attempts, $3, $4, trace_id, $5, $6
        from unnest($7::uuid[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::integer[], $13::text[])
            as new (event_id, provider, dedup_key, stream, stream_sequence, attempts, trace_id)
        on conflict do nothing
        returning event_id",
        initial.consumer,
        initial.status as _,
        initial.error_code,
        initial.error_message,
        initial.now,
        initial.finished_at(),
        &column(events, |event| event.envelope.id.0),
        &column(events, |event| event.provider) as _,
        &column(events, |event| event.key()) as _,
        &column(events, |event| event.position.stream) as _,
        &column(events, |event| event.position.sequence()),
        &column(events, |event| event.attempt()),
        &column(events, |event| event.trace_id.as_deref()) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// Notes events that repeat another one under an id of their own: completed, without effect. An id that has a row
/// already keeps it.
async fn insert_repeats(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[&Event<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into event_handlings (event_id, consumer, provider, dedup_key, duplicate_of, stream, stream_sequence,
            status, attempts, trace_id, started_at, finished_at)
        select new.event_id, $1, new.provider, new.dedup_key, original.event_id, new.stream, new.stream_sequence,
            'completed', new.attempts, new.trace_id, $2, $2
        from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::integer[], $9::text[])
            as new (event_id, provider, dedup_key, stream, stream_sequence, attempts, trace_id)
        join event_handlings original on original.consumer = $1 and original.provider = new.provider
            and original.dedup_key = new.dedup_key and original.duplicate_of is null
        on conflict do nothing",
        consumer,
        now,
        &column(events, |event| event.envelope.id.0),
        &column(events, |event| event.provider) as _,
        &column(events, |event| event.key()) as _,
        &column(events, |event| event.position.stream) as _,
        &column(events, |event| event.position.sequence()),
        &column(events, |event| event.attempt()),
        &column(events, |event| event.trace_id.as_deref()) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A batch in the order of keys: two transactions with the same events wait for each other instead of deadlocking.
fn by_key<'a, 'e>(events: &'a [Event<'e>]) -> Vec<(usize, &'a Event<'e>)> {
    let mut sorted: Vec<_> = events.iter().enumerate().collect();
    sorted.sort_by(|(_, a), (_, b)| (a.provider, a.key()).cmp(&(b.provider, b.key())));
    sorted
}
