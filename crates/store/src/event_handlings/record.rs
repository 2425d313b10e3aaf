//! Writing down that a secondary consumer failed with an event, or gave it up.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Initial, insert, insert_repeats};
use crate::{
    text::bounded,
    webhook_events::{ERROR_MAX_BYTES, Event, Reason, Status},
};

/// Records that an attempt failed and another will follow. Says whether it was taken: what is completed or dead stays
/// as it is. Proved by `a_handling_that_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn record_failed(
    connection: &mut PgConnection,
    consumer: &str,
    event: &Event<'_>,
    reason: Reason<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    record(connection, consumer, event, Status::Failed, reason, now).await
}

/// Records that an event is given up. Says whether it was taken: what is completed or dead stays as it is. Proved by
/// `a_handling_that_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn record_dead(
    connection: &mut PgConnection,
    consumer: &str,
    event: &Event<'_>,
    reason: Reason<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    record(connection, consumer, event, Status::DeadLetter, reason, now).await
}

async fn record(
    connection: &mut PgConnection,
    consumer: &str,
    event: &Event<'_>,
    status: Status,
    reason: Reason<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let initial = Initial {
        consumer,
        status,
        error_code: Some(reason.code.as_str()),
        error_message: Some(&bounded(reason.error, ERROR_MAX_BYTES)),
        now,
    };
    if !insert(connection, &[event], &initial).await?.is_empty() {
        return Ok(true);
    }
    let updated = sqlx::query!(
        "update event_handlings
        set status = $3, attempts = greatest(attempts, $4), error_code = $5, error_message = $6, finished_at = $7
        where consumer = $1 and event_id = $2 and (status || '') not in ('completed', 'dead_letter')",
        consumer,
        event.envelope.id.0,
        initial.status as _,
        event.attempt(),
        initial.error_code,
        initial.error_message,
        initial.finished_at(),
    )
    .execute(&mut *connection)
    .await?;
    if updated.rows_affected() == 0 {
        // It repeats another event: this message must not be unaccounted for.
        insert_repeats(connection, consumer, &[event], now).await?;
    }
    Ok(updated.rows_affected() > 0)
}
