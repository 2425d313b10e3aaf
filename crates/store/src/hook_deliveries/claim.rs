//! Taking what is due out of a hook's queue, one process at a time.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Code of an attempt whose process died at it.
pub const ABANDONED: &str = "abandoned";

/// An event that this process shall send to a hook now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The event.
    pub event_id: Uuid,
    /// The event itself, or the first one of those that it replays.
    pub root_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// The provider's own bytes.
    pub body: Vec<u8>,
    /// All headers of its message.
    pub headers: Vec<(String, String)>,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
    /// Attempts that there were.
    pub attempts: i32,
}

/// Takes the event that has been due for the longest, for as long as `lease`; none is due: `None`. A process that dies
/// gives it back by its lease, so a hook may get an event twice, under the same webhook-id. Proved by
/// `what_a_dead_process_held_is_sent_again_under_the_same_id`.
///
/// What the dead process was at is noted as an attempt that was abandoned: the hook may have seen it. It does not count,
/// for it was no fault of the hook's.
///
/// The database's clock decides: those of replicas may differ. And it is asked here whether the hook takes events: what
/// was given back with the hook's 410 would be taken by whoever asked before it.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    connection: &mut PgConnection,
    hook_id: Uuid,
    lease: Duration,
) -> sqlx::Result<Option<Claimed>> {
    let row = sqlx::query!(
        "with due as (
            select event_id, claimed_until as abandoned_until from hook_deliveries
            where hook_id = $1 and status = 'pending' and due_at <= statement_timestamp()
                and (claimed_until is null or claimed_until <= statement_timestamp())
                and exists (select from hooks where id = $1 and (enabled or disabled_reason = 'unreadable'))
            order by due_at, event_id
            limit 1
            for update skip locked
        ), taken as (
            update hook_deliveries delivery
            set claimed_until = statement_timestamp() + $2::bigint * interval '1 millisecond'
            from due
            where delivery.event_id = due.event_id and delivery.hook_id = $1
            returning delivery.event_id, delivery.attempts, due.abandoned_until
        ), abandoned as (
            insert into hook_attempts (event_id, hook_id, number, started_at, duration_ms, outcome, error_code,
                error_message)
            select event_id, $1, attempts + 1, abandoned_until - $2::bigint * interval '1 millisecond', 0, 'retry',
                $3, 'whoever made it ended before its outcome was written down'
            from taken where abandoned_until is not null
        )
        select event.event_id, event.root_id, event.event_type, event.subject, event.body, event.headers,
            event.received_at, taken.attempts
        from taken
        join hook_events event using (event_id)",
        hook_id,
        i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
        ABANDONED,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Claimed {
        event_id: row.event_id,
        root_id: row.root_id,
        event_type: row.event_type,
        subject: row.subject,
        body: row.body,
        headers: pairs(&row.headers),
        received_at: row.received_at,
        attempts: row.attempts,
    }))
}

/// Gives back what was not sent. It was no attempt, and keeps its place in the queue.
///
/// # Errors
/// Those of the database.
pub async fn release(connection: &mut PgConnection, event_id: Uuid, hook_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "update hook_deliveries set claimed_until = null
        where event_id = $1 and hook_id = $2 and status = 'pending'",
        event_id,
        hook_id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The headers of a message, as they were written down.
pub(super) fn pairs(headers: &Value) -> Vec<(String, String)> {
    serde_json::from_value(headers.clone()).unwrap_or_default()
}
