//! Writing down that an event failed or was given up.

use std::collections::BTreeMap;

use contract::{Code, EventId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Event, Initial, Status, insert};
use crate::{
    text::{bounded, storable_map},
    webhook_event_duplicates,
};

/// Longest reason kept, in bytes.
pub(crate) const ERROR_MAX_BYTES: usize = 2_000;

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

/// The row of an event that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buried {
    /// The row's id: that of the copy which came first.
    pub id: EventId,
    /// When an attempt failed first.
    pub first_failed_at: OffsetDateTime,
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
    Ok(record(connection, event, &failed).await?.is_some())
}

/// Records that an event is given up, with its body. Gives the row that took it, if one did: an event that is completed
/// or dead stays as it is. Proved by `what_is_settled_is_never_undone`.
///
/// # Errors
/// Those of the database.
pub async fn record_dead(
    connection: &mut PgConnection,
    event: &Event<'_>,
    reason: Reason<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Option<Buried>> {
    let dead = Initial {
        status: Status::DeadLetter,
        error_code: Some(reason.code.as_str()),
        error_message: Some(&bounded(reason.error, ERROR_MAX_BYTES)),
        headers: reason.headers.map(storable_map),
        processed_at: Some(now),
    };
    // A row that was made for an event without its effects was made when its first attempt failed.
    let row = record(connection, event, &dead).await?;
    let row = row.map(|(id, created_at)| Buried {
        id: EventId(id),
        first_failed_at: created_at.map_or(now, |at| at.min(now)),
    });
    Ok(row)
}

/// The row that took it and, if it was there before, when it was made.
async fn record(
    connection: &mut PgConnection,
    event: &Event<'_>,
    initial: &Initial<'_>,
) -> sqlx::Result<Option<(Uuid, Option<OffsetDateTime>)>> {
    if !insert(connection, &[event], initial).await?.is_empty() {
        return Ok(Some((event.envelope.id.0, None)));
    }
    // The status as an expression: see `lock_open` in `admit`.
    let updated = sqlx::query!(
        "update webhook_events
        set status = $3, attempts = greatest(attempts, $4), error_code = $5, error_message = $6, processed_at = $7
        where provider = $1 and dedup_key = $2 and (status || '') not in ('completed', 'dead_letter')
        returning id, created_at",
        event.provider,
        &event.key(),
        initial.status as _,
        event.attempt(),
        initial.error_code,
        initial.error_message,
        initial.processed_at,
    )
    .fetch_optional(&mut *connection)
    .await?;
    if updated.is_none() {
        // Another copy of the event was settled before: this message must not be unaccounted for.
        webhook_event_duplicates::insert(connection, &[event]).await?;
    }
    Ok(updated.map(|row| (row.id, Some(row.created_at))))
}
