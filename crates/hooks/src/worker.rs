//! Sends one hook its events, as fast as it may be called.

use std::{sync::Arc, time::Duration};

use lifecycle::Shutdown;
use store::{
    hook_deliveries::{self, Claimed},
    hooks::{self, Hook},
    rate_limits,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::{Hooks, attempt::Attempting, limits};

/// Longest wait for a limit before it is asked again: it may have been changed.
const LIMIT_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time beyond an attempt's own in which it must be written down, or another process sends it again.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
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
    Send(Box<Hook>, Box<Claimed>),
    /// The limit is reached, or the database failed.
    Wait(Duration),
    /// Nothing is due.
    Idle,
    /// The hook is disabled or removed.
    Gone,
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
                Ok(Next::Send(hook, claimed)) => self.send(*hook, *claimed, permit),
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

    /// The next event, taken out of the queue, once the limit allows it. The event first: a call that is taken from the
    /// limit and not made is lost to all replicas.
    async fn next(&self) -> sqlx::Result<Next> {
        if self.shutdown.is_draining() {
            return Ok(Next::Gone);
        }
        let mut connection = self.hooks.0.pool.acquire().await?;
        let Some(hook) = hooks::enabled(&mut connection, self.hook_id).await? else { return Ok(Next::Gone) };
        let lease = limits::millis(hook.manner.timeout_ms) + LEASE_MARGIN;
        let Some(claimed) = hook_deliveries::claim(&mut connection, self.hook_id, lease).await? else {
            return Ok(Next::Idle);
        };
        let key = rate_key(self.hook_id);
        let wait = rate_limits::take(&mut connection, &key, limits::rate(&hook.manner)).await;
        match wait {
            Ok(Duration::ZERO) => Ok(Next::Send(Box::new(hook), Box::new(claimed))),
            Ok(wait) => {
                hook_deliveries::release(&mut connection, claimed.event_id, self.hook_id, Duration::ZERO)
                    .await?;
                Ok(Next::Wait(wait.min(LIMIT_WAIT_MAX)))
            }
            Err(error) => {
                hook_deliveries::release(&mut connection, claimed.event_id, self.hook_id, Duration::ZERO)
                    .await
                    .ok();
                Err(error)
            }
        }
    }

    fn send(&self, hook: Hook, claimed: Claimed, permit: OwnedSemaphorePermit) {
        let attempting =
            Attempting { hooks: self.hooks.clone(), hook, claimed, shutdown: self.shutdown.clone() };
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
