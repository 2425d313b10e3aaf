//! The handle by which every task of a process is started, told to stop, and waited for.

use std::{
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, error, info, warn};

use crate::Check;

/// Passed down to whatever runs in the background; clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
    tracker: TaskTracker,
    failed: Arc<AtomicBool>,
    told: Arc<Mutex<BTreeMap<&'static str, Check>>>,
}

impl Shutdown {
    /// Whether a drain has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Resolves when a drain begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves when what is left must be abandoned.
    pub async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    /// Has `/health` say how a task fares, until it says something else. What is not `ok` makes the process `degraded`.
    pub fn tell(&self, name: &'static str, check: Check) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(name, check);
    }

    /// What tasks have told, by name.
    pub(crate) fn told(&self) -> BTreeMap<&'static str, Check> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a drain.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Abandons what is left.
    pub fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }

    /// Starts a task that the drain waits for. It may end at any time.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task.in_current_span())
    }

    /// Starts a task that the process cannot live without: when it returns before a drain, fails or panics, the
    /// process drains and exits with failure. Proved by `a_required_task_that_ends_stops_the_process`.
    pub fn spawn_required<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = self.clone();
        self.tracker.spawn(async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) if shutdown.is_draining() => return,
                Ok(Ok(())) => error!(task = name, "required task ended by itself"),
                Ok(Err(error)) => {
                    error!(task = name, error = %format!("{error:#}"), "required task failed");
                }
                Err(_) => error!(task = name, "required task panicked"),
            }
            shutdown.failed.store(true, Ordering::Relaxed);
            shutdown.drain();
        });
    }

    /// Waits for SIGTERM or SIGINT (or for a required task to end), drains, and waits for the tasks at most `deadline`.
    ///
    /// A second signal, or the deadline, aborts. Success means that everything ended by itself.
    pub async fn run(self, deadline: Duration) -> ExitCode {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            error!("cannot listen for signals");
            return ExitCode::FAILURE;
        };
        tokio::select! {
            _ = terminate.recv() => info!(signal = "SIGTERM", "draining"),
            _ = interrupt.recv() => info!(signal = "SIGINT", "draining"),
            () = self.draining() => info!("draining"),
        }
        self.drain();
        tokio::select! {
            () = self.finished(deadline) => {}
            _ = terminate.recv() => self.give_up("second signal"),
            _ = interrupt.recv() => self.give_up("second signal"),
        }
        if self.failed.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Waits until every task has ended after a drain; past `deadline`, aborts and waits one second more.
    pub async fn finished(&self, deadline: Duration) {
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_err() {
            self.give_up("drain deadline passed");
            // Tasks that heed the abort still get to say what they leave behind.
            if tokio::time::timeout(Duration::from_secs(1), self.tracker.wait()).await.is_err() {
                warn!(tasks = self.tracker.len(), "tasks abandoned");
            }
        }
    }

    fn give_up(&self, reason: &'static str) {
        warn!(reason, tasks = self.tracker.len(), "aborting");
        self.failed.store(true, Ordering::Relaxed);
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_required_task_that_ends_stops_the_process() {
        type Task = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;
        let endings: [Task; 3] = [
            Box::pin(async { Ok(()) }),
            Box::pin(async { anyhow::bail!("broken") }),
            Box::pin(async { panic!("broken") }),
        ];
        for task in endings {
            let shutdown = Shutdown::default();
            shutdown.spawn_required("test", task);
            let code = shutdown.clone().run(Duration::from_secs(5)).await;
            assert!(shutdown.is_draining());
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        }
    }

    #[tokio::test]
    async fn a_drain_waits_for_work_in_flight_and_succeeds() {
        let shutdown = Shutdown::default();
        let (done, mut finished) = tokio::sync::oneshot::channel();
        let handle = shutdown.clone();
        shutdown.spawn_required("test", async move {
            handle.draining().await;
            tokio::task::yield_now().await;
            done.send(()).ok();
            Ok(())
        });
        shutdown.drain();
        let code = shutdown.run(Duration::from_secs(5)).await;
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
        finished.try_recv().unwrap();
    }

    #[tokio::test]
    async fn a_drain_that_takes_too_long_is_aborted_and_fails() {
        let shutdown = Shutdown::default();
        let handle = shutdown.clone();
        shutdown.spawn(async move { handle.aborted().await });
        shutdown.drain();
        let code = shutdown.run(Duration::from_millis(20)).await;
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    }
}
