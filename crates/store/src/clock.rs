//! The one clock that all replicas share.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// What time it is for the database. Replicas whose own clocks differ, or jump, measure by it what one of them began and
/// another one waits for.
///
/// # Errors
/// Those of the database.
pub async fn now(connection: &mut PgConnection) -> sqlx::Result<OffsetDateTime> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(connection).await
}
