//! Which dead letters the world has been told of.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Filter, Listed, list};

/// The oldest dead letters without a result event.
///
/// # Errors
/// Those of the database.
pub async fn unannounced(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<Listed>> {
    let ids = sqlx::query_scalar!(
        "select id from dead_letters where announced_at is null order by id limit $1",
        i64::from(limit),
    )
    .fetch_all(&mut *connection)
    .await?;
    list(connection, &Filter { ids: Some(&ids), ..Filter::default() }, None, limit).await
}

/// Notes that the result events of these are on their stream.
///
/// # Errors
/// Those of the database.
pub async fn mark_announced(
    connection: &mut PgConnection,
    ids: &[Uuid],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!("update dead_letters set announced_at = $2 where id = any($1)", ids, now)
        .execute(connection)
        .await?;
    Ok(())
}
