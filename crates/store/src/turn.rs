//! Turns: work that one process should do at a time, however many are started.

use sqlx::{
    Either, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgAdvisoryLock, PgAdvisoryLockGuard},
};

/// A turn. It ends with the process at the latest, however that ends.
pub struct Turn(PgAdvisoryLockGuard<PoolConnection<Postgres>>);

impl Turn {
    /// Takes the turn to do this work; `None`: somebody else has it. Proved by `a_turn_is_one_processs_at_a_time`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn take(pool: &PgPool, work: &str) -> sqlx::Result<Option<Self>> {
        let taken = PgAdvisoryLock::new(work).try_acquire(pool.acquire().await?).await?;
        Ok(match taken {
            Either::Left(guard) => Some(Self(guard)),
            Either::Right(_) => None,
        })
    }

    /// Lets the next one have it.
    ///
    /// # Errors
    /// Those of the database; then the turn ends with the connection.
    pub async fn end(self) -> sqlx::Result<()> {
        self.0.release_now().await.map(drop)
    }
}
