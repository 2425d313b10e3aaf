//! Hooks come and go: letting events through to them, or not, and forgetting them.

use store::{
    hook_deliveries,
    hooks::{self as table, Disabled},
    rate_limits,
};
use time::OffsetDateTime;

use super::{Catalogue, Error};
use crate::worker::rate_key;

/// Events taken out of a removed hook's queue in one transaction.
const SKIP_MAX: i64 = 500;

impl Catalogue {
    /// Lets events through again. What has waited is sent, too. Says whether the hook was disabled.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enable(&self, name: &str) -> Result<bool, Error> {
        let hook = self.find(name).await?;
        Ok(table::enable(&mut *self.pool.acquire().await?, hook.id, OffsetDateTime::now_utc()).await?)
    }

    /// Sends nothing more. What waits goes on waiting, and what comes is not for this hook. Says whether it was enabled.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn disable(&self, name: &str) -> Result<bool, Error> {
        let hook = self.find(name).await?;
        let now = OffsetDateTime::now_utc();
        Ok(table::disable(&mut *self.pool.acquire().await?, hook.id, Disabled::Operator, now).await?)
    }

    /// Forgets a hook. What waits for it is not sent; says how many events that are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&self, name: &str) -> Result<usize, Error> {
        let hook = self.find(name).await?;
        let mut transaction = self.pool.begin().await?;
        // From here on no event is put into its queue, and none is taken out.
        table::remove(&mut transaction, hook.id).await?;
        let mut skipped = 0;
        loop {
            let now = OffsetDateTime::now_utc();
            match hook_deliveries::skip(&mut transaction, hook.id, SKIP_MAX, now).await? {
                0 => break,
                count => skipped += count,
            }
        }
        rate_limits::forget(&mut transaction, &rate_key(hook.id)).await?;
        transaction.commit().await?;
        Ok(skipped)
    }
}
