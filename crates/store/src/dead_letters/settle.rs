//! Decisions about dead letters.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::bounded};

/// Longest reason kept, in bytes.
const REASON_MAX_BYTES: usize = 2_000;

/// Discards those of `ids` that are still dead. Says how many those were.
///
/// # Errors
/// Those of the database.
pub async fn discard(
    connection: &mut PgConnection,
    ids: &[Uuid],
    reason: &str,
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let discarded = sqlx::query!(
        "update dead_letters set status = 'discarded', discard_reason = $2, settled_at = $3
        where id = any($1) and status = 'dead'",
        ids,
        &bounded(reason, REASON_MAX_BYTES),
        now,
    )
    .execute(connection)
    .await?;
    Ok(discarded.rows_affected())
}

/// Notes by which new event each dead letter is replayed; the newest replay counts. What was discarded can be replayed
/// all the same.
///
/// # Errors
/// Those of the database.
pub async fn mark_replayed(
    connection: &mut PgConnection,
    replays: &[(Uuid, Uuid)],
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let replayed = sqlx::query!(
        "update dead_letters letter
        set status = 'replayed', replayed_as = replay.event_id, discard_reason = null, settled_at = $3
        from unnest($1::uuid[], $2::uuid[]) as replay (id, event_id)
        where letter.id = replay.id",
        &column(replays, |(id, _)| *id),
        &column(replays, |(_, event_id)| *event_id),
        now,
    )
    .execute(connection)
    .await?;
    Ok(replayed.rows_affected())
}
