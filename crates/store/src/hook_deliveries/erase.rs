//! Removing what hooks answered because of the people in what they were told.

use sqlx::PgConnection;
use uuid::Uuid;

/// Hooks that were told of these events, or may have been.
///
/// # Errors
/// Those of the database.
pub async fn told(connection: &mut PgConnection, event_ids: &[Uuid]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select distinct hook_name from hook_deliveries
        where event_id = any($1) and first_tried_at is not null order by hook_name",
        event_ids,
    )
    .fetch_all(connection)
    .await
}

/// Removes the excerpts of answers and the errors' texts of these events, and says how many attempts had one.
///
/// # Errors
/// Those of the database.
pub async fn erase_answers(connection: &mut PgConnection, event_ids: &[Uuid]) -> sqlx::Result<u64> {
    sqlx::query!(
        "update hook_deliveries set error_message = null where event_id = any($1) and error_message is not null",
        event_ids,
    )
    .execute(&mut *connection)
    .await?;
    let erased = sqlx::query!(
        "update hook_attempts set response_excerpt = null, error_message = null
        where event_id = any($1) and num_nonnulls(response_excerpt, error_message) > 0",
        event_ids,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}
