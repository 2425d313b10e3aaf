//! Waiting instead of failing: for what is away, and for limits. Neither costs an event an attempt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::anyhow;
use contract::code;
use lifecycle::Shutdown;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::{Account, Backoff, Failure, Journal};

/// Wait before something that was away is tried again.
const UNAVAILABLE_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// Shortest and longest that a handler's [`Failure::Wait`] is obeyed before it is asked again.
const WAIT_MIN: Duration = Duration::from_millis(10);
const WAIT_MAX: Duration = Duration::from_mins(1);

/// What one consumer is waiting for.
pub(crate) struct Patience {
    account: Arc<Account>,
    shutdown: Shutdown,
    /// Something that every event needs was away when it was last used; at the start nobody knows.
    away: AtomicBool,
    /// Batches that wait because their handler said so.
    waiting: watch::Sender<usize>,
}

impl Patience {
    pub(crate) fn new(account: &Arc<Account>, shutdown: &Shutdown) -> Self {
        Self {
            account: Arc::clone(account),
            shutdown: shutdown.clone(),
            away: AtomicBool::new(true),
            waiting: watch::Sender::new(0),
        }
    }

    /// Resolves when there is sense in taking events. Proved by
    /// `restarts_while_a_dependency_is_away_cost_one_attempt_at_most`.
    pub(crate) async fn ready(&self, journal: &impl Journal) {
        loop {
            self.until_back(journal).await;
            let mut waiting = self.waiting.subscribe();
            if *waiting.borrow_and_update() == 0 {
                return;
            }
            // The sender is ours, so it is there as long as we are.
            drop(waiting.wait_for(|batches| *batches == 0).await);
        }
    }

    async fn until_back(&self, journal: &impl Journal) {
        let (mut waits, mut blocked) = (0, None);
        while self.away.load(Ordering::Relaxed) {
            if journal.is_ready().await {
                self.away.store(false, Ordering::Relaxed);
                return;
            }
            if blocked.is_none() {
                warn!("a dependency is away; no events are taken");
                blocked = Some(self.account.blocked());
            }
            waits += 1;
            tokio::time::sleep(UNAVAILABLE_RETRY.delay(waits)).await;
        }
    }

    /// Repeats `action` while what it needs is away or it says that it has to wait, until a drain begins. Proved by
    /// `a_dependency_that_is_away_costs_no_attempts`.
    pub(crate) async fn until_there<T, F, Fut>(&self, action: F) -> Result<T, Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let (mut waits, mut blocked, mut held) = (0, None, None);
        loop {
            // A drain has no time for each batch to find out by itself. Proved by
            // `a_drain_asks_once_for_what_is_away_and_not_once_for_each_batch`.
            if self.shutdown.is_draining() && self.away.load(Ordering::Relaxed) {
                return Err(Failure::Unavailable { source: anyhow!("still away when the process stopped") });
            }
            let result = action().await;
            // Time that ran out while the dependency was coming back says nothing of the events.
            if matches!(&result, Err(Failure::Retry { code: code::TIMEOUT, .. })) && blocked.take().is_some()
            {
                continue;
            }
            let is_away = matches!(result, Err(Failure::Unavailable { .. }));
            self.away.store(is_away, Ordering::Relaxed);
            match result {
                Err(failure @ Failure::Unavailable { .. }) if !self.shutdown.is_draining() => {
                    held = None;
                    if blocked.is_none() {
                        warn!(error = failure.text(), "waiting for a dependency; no attempt is lost");
                        blocked = Some(self.account.blocked());
                    }
                    waits += 1;
                    self.pause(UNAVAILABLE_RETRY.delay(waits)).await;
                }
                Err(Failure::Wait { after, code }) if !self.shutdown.is_draining() => {
                    debug!(code = code.as_str(), ?after, "a batch waits; no attempt is lost");
                    (waits, blocked) = (0, None);
                    // Held while it is asked again, too: nothing is to slip in between two waits.
                    held.get_or_insert_with(|| Held::new(&self.waiting));
                    let _counted = self.account.waiting(code);
                    self.pause(after.clamp(WAIT_MIN, WAIT_MAX)).await;
                    // Its turn will not come before the process has stopped.
                    if self.shutdown.is_draining() {
                        return Err(Failure::Wait { after, code });
                    }
                }
                result => return result,
            }
        }
    }

    /// Whether something that every event needs was away when it was last used.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Resolves when a drain begins.
    pub(crate) async fn draining(&self) {
        self.shutdown.draining().await;
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.shutdown.draining() => {}
        }
    }
}

/// One batch that waits as its handler asked for: nothing more is pulled until this is dropped.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn new(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|batches| *batches += 1);
        Self(waiting)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|batches| *batches -= 1);
    }
}
