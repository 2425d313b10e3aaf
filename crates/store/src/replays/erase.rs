//! Removing bodies that a person changed, because of the people in them.

use sqlx::PgConnection;
use uuid::Uuid;

/// What stands where a body was.
const TOMBSTONE: &[u8] = br#"{"erased":true}"#;

/// Bodies of edits: job, event and bytes.
///
/// # Errors
/// Those of the database.
pub async fn edited_bodies(connection: &mut PgConnection) -> sqlx::Result<Vec<(Uuid, Uuid, Vec<u8>)>> {
    let rows = sqlx::query!("select job_id, event_id, body from replay_edits where body <> $1", TOMBSTONE)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.job_id, row.event_id, row.body)).collect())
}

/// Puts a tombstone where the bodies of these events' edits were, and says how many they were.
///
/// # Errors
/// Those of the database.
pub async fn erase_edits(connection: &mut PgConnection, event_ids: &[Uuid]) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update replay_edits set body = $2, diff = '' where event_id = any($1) and body <> $2",
        event_ids,
        TOMBSTONE,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}
