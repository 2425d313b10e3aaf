//! Sends one hook its events, as fast as it may be called.

use std::{sync::Arc, time::Duration};

use lifecycle::Shutdown;
use sqlx::PgConnection;
use store::{
    hook_deliveries::{self, Claimed},
    hooks::{self, Disabled, Hook},
    rate_limits,
};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use crate::{Hooks, attempt::Attempting, limits, opened::Opened};

/// Longest wait for a limit before it is asked again: it may have been changed.
const LIMIT_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time beyond an attempt's own in which it must be written down, or another process sends it again.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// Wait for the key of a hook that does not open: another process may have it, and this one gets it by a restart.
const UNREADABLE_WAIT: Duration = Duration::from_secs(30);
/// Wait after the database failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Worker {
    hooks: Hooks,
    hook_id: Uuid,
    shutdown: Shutdown,
    free: Arc<Semaphore>,
}

/// What there is to do.
enum Next {
    Send(Box<Sending>),
    /// The limit is reached, the hook rests, or it does not open here.
    Wait(Duration),
    /// Nothing is due.
    Idle,
    /// The hook is disabled or removed.
    Gone,
}

struct Sending {
    hook: Hook,
    opened: Opened,
    claimed: Claimed,
}

impl Worker {
    pub(crate) fn new(hooks: Hooks, hook_id: Uuid, shutdown: Shutdown) -> Self {
        let free = Arc::new(Semaphore::new(hooks.0.settings.concurrency));
        Self { hooks, hook_id, shutdown, free }
    }

    /// Works until a drain, or until nothing may be sent to the hook any more.
    pub(crate) async fn run(self) {
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&self.free).acquire_owned() => permit.expect("the semaphore is never closed"),
                () = self.shutdown.draining() => return,
            };
            // Before looking, so that what comes meanwhile is not slept over.
            let news = self.hooks.0.news.notified();
            match self.next().await {
                Ok(Next::Send(sending)) => self.send(*sending, permit),
                Ok(Next::Wait(wait)) => self.pause(tokio::time::sleep(wait)).await,
                Ok(Next::Idle) => {
                    let poll = tokio::time::sleep(self.hooks.0.settings.poll());
                    self.pause(async {
                        tokio::select! {
                            () = news => {}
                            () = poll => {}
                        }
                    })
                    .await;
                }
                Ok(Next::Gone) => {
                    debug!(hook.id = %self.hook_id, "nothing more is sent to this hook");
                    return;
                }
                Err(error) => {
                    warn!(hook.id = %self.hook_id, error = &error as &dyn std::error::Error, "cannot look into the queue of a hook");
                    self.pause(tokio::time::sleep(FAILED_WAIT)).await;
                }
            }
        }
    }

    /// The next event, taken out of the queue, once the limit allows it. The event first, and before it all that may
    /// stand against a call: one that is taken from the limit and not made is lost to all replicas.
    async fn next(&self) -> sqlx::Result<Next> {
        if self.shutdown.is_draining() {
            return Ok(Next::Gone);
        }
        let mut connection = self.hooks.0.pool.acquire().await?;
        let found = hooks::taking_events(&mut connection, self.hook_id).await?;
        let Some(hook) = found else { return Ok(Next::Gone) };
        let Some(opened) = self.open(&mut connection, &hook).await? else {
            return Ok(Next::Wait(UNREADABLE_WAIT));
        };
        if let Some(rest) = self.hooks.0.client.rests(&circuit(self.hook_id)) {
            return Ok(Next::Wait(rest.min(LIMIT_WAIT_MAX)));
        }
        let lease = limits::millis(hook.manner.timeout_ms) + LEASE_MARGIN;
        let Some(claimed) = hook_deliveries::claim(&mut connection, self.hook_id, lease).await? else {
            return Ok(Next::Idle);
        };
        let key = rate_key(self.hook_id);
        let wait = rate_limits::take(&mut connection, &key, limits::rate(&hook.manner)).await;
        if !matches!(wait, Ok(Duration::ZERO)) {
            hook_deliveries::release(&mut connection, claimed.event_id, self.hook_id).await?;
        }
        Ok(match wait? {
            Duration::ZERO => Next::Send(Box::new(Sending { hook, opened, claimed })),
            wait => Next::Wait(wait.min(LIMIT_WAIT_MAX)),
        })
    }

    /// The hook, opened. One that does not open here is marked for people; what is for it goes on being queued, and is
    /// sent by whoever has the key. Proved by `a_hook_that_one_process_cannot_open_is_served_by_another`.
    async fn open(&self, connection: &mut PgConnection, hook: &Hook) -> sqlx::Result<Option<Opened>> {
        let now = OffsetDateTime::now_utc();
        let opened = match &self.hooks.0.keys {
            Some(keys) => Opened::open(hook, keys, now),
            None => Err("seal.keys is not set, so that its URL does not open".to_owned()),
        };
        match opened {
            Ok(opened) => {
                if hook.disabled.is_some() && hooks::opened(connection, hook.id, now).await? {
                    info!(hook.name = hook.name, "hook can be opened again");
                }
                Ok(Some(opened))
            }
            Err(error) => {
                if hooks::disable(connection, hook.id, Disabled::Unreadable, now).await? {
                    error!(
                        hook.name = hook.name,
                        error, "hook cannot be opened with the keys of this process; its events wait"
                    );
                }
                Ok(None)
            }
        }
    }

    fn send(&self, sending: Sending, permit: OwnedSemaphorePermit) {
        let Sending { hook, opened, claimed } = sending;
        let (hooks, shutdown) = (self.hooks.clone(), self.shutdown.clone());
        let attempting = Attempting { hooks, hook, opened, claimed, shutdown };
        self.shutdown.spawn(async move {
            attempting.run().await;
            drop(permit);
        });
    }

    async fn pause(&self, wait: impl Future<Output = ()>) {
        tokio::select! {
            () = wait => {}
            () = self.shutdown.draining() => {}
        }
    }
}

/// The limit of a hook.
pub(crate) fn rate_key(hook_id: Uuid) -> String {
    format!("hook:{hook_id}")
}

/// What rests when a hook fails too often in a row.
pub(crate) fn circuit(hook_id: Uuid) -> String {
    hook_id.to_string()
}
