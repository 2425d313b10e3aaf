//! What all workers share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use config::HookDelivery;
use outbound::{BuildError, Client};
use seal::Keyring;
use sqlx::PgPool;
use store::{
    hook_deliveries::{Backlog, Claimed},
    hooks::Hook,
};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::metrics::Metrics;

/// Makes the bytes that a hook gets, of an event and the form that the hook wants. `None`: there is nothing to make them
/// of, which a hook is not to blame for.
pub type Render = fn(&Claimed, form: &str) -> Option<Vec<u8>>;

/// Outbound webhooks of one process. Clones share everything.
#[derive(Clone)]
pub struct Hooks(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    /// None: no hook can be opened.
    pub(crate) keys: Option<Keyring>,
    pub(crate) client: Client,
    pub(crate) settings: HookDelivery,
    pub(crate) render: Render,
    pub(crate) news: Notify,
    pub(crate) metrics: Metrics,
    backlogs: Backlogs,
}

/// How many events wait for each hook, as far as this process knows.
#[derive(Debug, Clone, Default)]
pub struct Backlogs(Arc<Mutex<HashMap<Uuid, i64>>>);

impl Hooks {
    /// Hooks in this database.
    ///
    /// # Errors
    /// The machine's trust store cannot be read.
    pub fn new(
        pool: PgPool,
        keys: Option<Keyring>,
        settings: &HookDelivery,
        outbound: &config::Outbound,
        render: Render,
    ) -> Result<Self, BuildError> {
        Ok(Self(Arc::new(Shared {
            pool,
            keys,
            client: Client::new("hooks", outbound)?,
            settings: settings.clone(),
            render,
            news: Notify::new(),
            metrics: Metrics::new(),
            backlogs: Backlogs::default(),
        })))
    }

    /// Has the workers of this process look at once: there is something new.
    pub fn look(&self) {
        self.0.news.notify_waiters();
    }

    /// Whether so many events wait for one of these hooks that no more should be put into its queue.
    pub fn is_full(&self, hooks: impl IntoIterator<Item = Uuid>) -> bool {
        let max = i64::try_from(self.0.settings.backlog_max).unwrap_or(i64::MAX);
        self.0.backlogs.any_above(hooks, max)
    }
}

impl Shared {
    /// Notes what waits for each hook.
    pub(crate) fn note(&self, hooks: &[Hook], backlogs: &[Backlog]) {
        self.backlogs.replace(backlogs.iter().map(|backlog| (backlog.hook_id, backlog.pending)));
        self.metrics.hooks(hooks, backlogs, OffsetDateTime::now_utc());
    }
}

impl Backlogs {
    fn replace(&self, known: impl Iterator<Item = (Uuid, i64)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known.collect();
    }

    fn any_above(&self, hooks: impl IntoIterator<Item = Uuid>, max: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.into_iter().any(|hook| known.get(&hook).is_some_and(|pending| *pending >= max))
    }
}
