//! Everything that is about some leads.

use sqlx::PgConnection;
use uuid::Uuid;

/// Events of these leads that were not erased.
///
/// # Errors
/// Those of the database.
pub async fn of_leads(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from webhook_events where lead_id = any($1) and erased_at is null",
        lead_ids,
    )
    .fetch_all(connection)
    .await
}

/// Bodies of these events, those that were not erased.
///
/// # Errors
/// Those of the database.
pub async fn bodies_of(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Vec<u8>>> {
    sqlx::query_scalar!("select body from webhook_events where id = any($1) and erased_at is null", ids)
        .fetch_all(connection)
        .await
}
