//! Removing what was said of events because of the people in them.

use sqlx::PgConnection;
use uuid::Uuid;

/// Removes the errors' texts of these events, and says how many they were. Their codes stay.
///
/// # Errors
/// Those of the database.
pub async fn erase_errors(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update event_handlings set error_message = null where event_id = any($1) and error_message is not null",
        ids,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}
