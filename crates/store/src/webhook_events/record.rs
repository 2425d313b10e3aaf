//! Writing down that an event failed or was given up.

use std::collections::BTreeMap;

use contract::Code;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Event, Initial, Status, insert};
use crate::{
    text::{bounded, storable_map},
    webhook_event_duplicates,
};

/// Longest reason kept, in bytes.
const ERROR_MAX_BYTES: usize = 2_000;

/// Why an event is not completed.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    /// The stable word.
    pub code: Code,
    /// The sentence for people; kept to 2,000 bytes.
    pub error: &'a str,
    /// The message's headers, when no envelope could be read from them.
    pub headers: Option<&'a BTreeMap<String, String>>,
}

/// Records that an attempt failed and another will follow. Says whether the ledger took it: an event that is completed
/// or dead stays as it is. Proved by `what_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn record_failed(
    connection: &mut PgConnection,
    event: &Event<'_>,
    reason: Reason<'_>,
) -> sqlx::Result<bool> {
    let failed = Initial {
        status: Status::Failed,
        error_code: Some(reason.code.as_str()),
        error_message: Some(&bounded(reason.error, ERROR_MAX_BYTES)),
        headers: reason.headers.map(storable_map),
        processed_at: None,
    };
    record(connection, event, &failed).await
}

/// Records that an event is given up, with its body. Says whether the ledger took it: an event that is completed or
/// dead stays as it is. Proved by `what_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn record_dead(
    connection: &mut PgConnection,
    event: &Event<'_>,
    reason: Reason<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let dead = Initial {
        status: Status::DeadLetter,
        error_code: Some(reason.code.as_str()),
        error_message: Some(&bounded(reason.error, ERROR_MAX_BYTES)),
        headers: reason.headers.map(storable_map),
        processed_at: Some(now),
    };
    record(connection, event, &dead).await
}

async fn record(
    connection: &mut PgConnection,
    event: &Event<'_>,
    initial: &Initial<'_>,
) -> sqlx::Result<bool> {
    if !insert(connection, &[event], initial).await?.is_empty() {
        return Ok(true);
    }
    // The status as an expression: see `lock_open` in `admit`.
    let updated = sqlx::query!(
        "update webhook_events
        set status = $3, attempts = greatest(attempts, $4), error_code = $5, error_message = $6, processed_at = $7
        where provider = $1 and dedup_key = $2 and (status || '') not in ('completed', 'dead_letter')",
        event.provider,
        &event.key(),
        initial.status as _,
        event.attempt(),
        initial.error_code,
        initial.error_message,
        initial.processed_at,
    )
    .execute(&mut *connection)
    .await?;
    if updated.rows_affected() == 0 {
        // Another copy of the event was settled before: this message must not be unaccounted for.
        webhook_event_duplicates::insert(connection, &[event]).await?;
    }
    Ok(updated.rows_affected() > 0)
}
