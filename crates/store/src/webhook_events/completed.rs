//! Which events are done.

use std::collections::HashSet;

use contract::EventId;
use sqlx::PgConnection;

use crate::column;

/// Those of `ids` that are ledger rows of their own, completed by effects of their own: a message with such an id was
/// applied by an earlier attempt, while a repeat in another message has no row of its own, and a moot one no effects.
///
/// # Errors
/// Those of the database.
pub async fn completed(connection: &mut PgConnection, ids: &[EventId]) -> sqlx::Result<HashSet<EventId>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query_scalar!(
        "select id from webhook_events where id = any($1) and status = 'completed' and effects_by is null",
        &column(ids, |id| id.0),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(EventId).collect())
}
