//! One runner at a time: a lock that its connection holds, and that goes with the connection.

use sqlx::PgConnection;

/// What the lock is called, to the server.
const KEY: i64 = 0x7765_6972_2e72_6570;

/// Makes the owner of this connection the runner, if there is none. It stays so until the connection is closed, which
/// must therefore not go back to a pool.
///
/// # Errors
/// Those of the database.
pub async fn lead(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "leads!""#, KEY).fetch_one(connection).await
}

/// Whether there is a runner.
///
/// # Errors
/// Those of the database.
pub async fn has_leader(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
            select from pg_locks
            where locktype = 'advisory' and granted
                and database = (select oid from pg_database where datname = current_database())
                and ((classid::bigint << 32) | objid::bigint) = $1
        ) as "exists!""#,
        KEY,
    )
    .fetch_one(connection)
    .await
}
