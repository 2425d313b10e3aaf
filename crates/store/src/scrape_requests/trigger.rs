//! Jobs that we start.

use std::ops::Range;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Origin, ScrapeRequest, Status};
use crate::text::bounded;

/// Longest sentence of Bright Data's that is kept, in bytes.
const TEXT_MAX_BYTES: usize = 2_000;

/// A job that is about to be started.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Our id of it.
    pub id: Uuid,
    /// What is run.
    pub dataset_id: &'a str,
    /// What it is about.
    pub platform: Option<&'a str>,
    /// What sort of record it brings.
    pub kind: Option<&'a str>,
    /// Whether a notification is asked for.
    pub notify_expected: bool,
    /// What is to be collected.
    pub inputs: &'a Value,
    /// Query of the trigger, without secrets.
    pub parameters: &'a Value,
}

/// Notes a job before Bright Data is asked for it.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, new: &New<'_>, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into scrape_requests (id, dataset_id, platform, kind, origin, status, notify_expected, inputs,
            parameters, requested_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        new.id,
        new.dataset_id,
        new.platform,
        new.kind,
        Origin::Triggered as _,
        Status::Pending as _,
        new.notify_expected,
        new.inputs,
        new.parameters,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes Bright Data's id of a job that we started. Its notification, and even its data, may have arrived before: what
/// they said of it is kept, and the job is no longer unmatched. Proved by
/// `a_job_that_was_heard_of_before_its_trigger_was_answered_is_one_job`.
///
/// To be called in a transaction.
///
/// # Errors
/// Those of the database.
pub async fn answered(
    connection: &mut PgConnection,
    id: Uuid,
    snapshot_id: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let pending = sqlx::query!(
        "delete from scrape_requests where id = $1 and snapshot_id is null
        returning dataset_id, platform, kind, notify_expected, inputs, parameters, requested_at",
        id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(pending) = pending else { return Ok(()) };
    sqlx::query!(
        "insert into scrape_requests as known (id, snapshot_id, dataset_id, platform, kind, origin, status,
            notify_expected, inputs, parameters, requested_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        on conflict on constraint ux_scrape_requests_snapshot do update
        set id = excluded.id, origin = excluded.origin, dataset_id = coalesce(known.dataset_id, excluded.dataset_id),
            platform = coalesce(known.platform, excluded.platform), kind = coalesce(known.kind, excluded.kind),
            notify_expected = excluded.notify_expected, inputs = excluded.inputs, parameters = excluded.parameters,
            requested_at = excluded.requested_at, updated_at = excluded.updated_at",
        id,
        snapshot_id,
        pending.dataset_id,
        pending.platform,
        pending.kind,
        Origin::Triggered as _,
        Status::Pending as _,
        pending.notify_expected,
        pending.inputs,
        pending.parameters,
        pending.requested_at,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a job was not started; or, with `is_final` unset, that nobody knows whether it was.
///
/// # Errors
/// Those of the database.
pub async fn refused(
    connection: &mut PgConnection,
    id: Uuid,
    code: &str,
    message: &str,
    is_final: bool,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let status = if is_final { Status::Failed } else { Status::Pending };
    sqlx::query!(
        "update scrape_requests
        set status = $2, error_code = $3, error_message = $4, finished_at = $5, updated_at = $6
        where id = $1 and snapshot_id is null",
        id,
        status as _,
        &bounded(code, TEXT_MAX_BYTES),
        &bounded(message, TEXT_MAX_BYTES),
        is_final.then_some(now),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest jobs first.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<ScrapeRequest>> {
    jobs!(
        r#"order by requested_at desc, id desc
        limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// Jobs that were started in this time and of which the end is not known: their notification may be lost.
/// Oldest first.
///
/// # Errors
/// Those of the database.
pub async fn open(
    connection: &mut PgConnection,
    requested: Range<OffsetDateTime>,
    limit: u16,
) -> sqlx::Result<Vec<ScrapeRequest>> {
    jobs!(
        r#"where status in ('pending', 'processing') and requested_at >= $3 and requested_at < $1
            and snapshot_id is not null
        order by requested_at
        limit $2"#,
        requested.end,
        i64::from(limit),
        requested.start,
    )
    .fetch_all(connection)
    .await
}
