//! Work that one process at a time does, of all that could.

use sqlx::{Connection as _, PgConnection, PgPool};

/// Held until it is released, or its connection ends with the process.
#[derive(Debug)]
pub struct Lock(PgConnection);

/// Takes the lock of this name; `None`: another process holds it. It has a connection of its own, which ends when the
/// lock is dropped, and the lock with it. Proved by `a_lock_is_held_by_one_and_free_when_its_holder_is_gone`.
///
/// # Errors
/// Those of the database.
pub async fn try_lock(pool: &PgPool, name: &str) -> sqlx::Result<Option<Lock>> {
    let mut connection = pool.acquire().await?.detach();
    let taken = sqlx::query_scalar!(
        r#"select pg_try_advisory_lock(hashtextextended('weir.' || $1, 0)) as "taken!""#,
        name,
    )
    .fetch_one(&mut connection)
    .await?;
    Ok(taken.then_some(Lock(connection)))
}

impl Lock {
    /// Gives it back; when this returns well, it is free.
    ///
    /// # Errors
    /// Those of the database; it is given back all the same, a moment later.
    pub async fn release(mut self) -> sqlx::Result<()> {
        // The end of a connection alone would be noticed by the server in its own time.
        sqlx::query!("select pg_advisory_unlock_all()").execute(&mut self.0).await?;
        self.0.close().await
    }
}
