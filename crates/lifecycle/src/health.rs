//! What a process knows of itself and of what it needs.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;

use crate::Shutdown;

/// How long one check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type CheckFn = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Check> + Send>> + Send + Sync>;

/// The answer of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Whether it is as it should be.
    pub ok: bool,
    /// One word for it: `connected`, `disconnected`, …
    pub state: &'static str,
}

impl Check {
    /// `connected` or `disconnected`.
    pub const fn connected(ok: bool) -> Self {
        Self { ok, state: if ok { "connected" } else { "disconnected" } }
    }
}

/// The checks of a process, by name.
#[derive(Clone)]
pub struct Health {
    shutdown: Shutdown,
    required: BTreeMap<&'static str, CheckFn>,
    informative: BTreeMap<&'static str, CheckFn>,
}

/// The state of a process, as `/health` answers it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `healthy`, `degraded` (something informative is wrong) or `unhealthy`.
    pub status: &'static str,
    /// One field per check: `"database": "connected"`.
    #[serde(flatten)]
    pub states: BTreeMap<&'static str, &'static str>,
    /// `draining` while the process stops.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draining: bool,
    /// Version of the program.
    pub version: &'static str,
}

impl Health {
    /// Health of a process without checks.
    pub fn new(shutdown: &Shutdown) -> Self {
        Self { shutdown: shutdown.clone(), required: BTreeMap::new(), informative: BTreeMap::new() }
    }

    /// Adds something without which the process cannot do its work.
    #[must_use]
    pub fn require<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Check> + Send + 'static,
    {
        self.required.insert(name, Arc::new(move || Box::pin(check())));
        self
    }

    /// Adds something worth knowing, which readiness does not depend on.
    #[must_use]
    pub fn inform<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Check> + Send + 'static,
    {
        self.informative.insert(name, Arc::new(move || Box::pin(check())));
        self
    }

    /// Runs every check, at most two seconds each, all at once.
    pub async fn report(&self) -> Report {
        let (required, mut informative) = futures::join!(run(&self.required), run(&self.informative));
        informative.extend(self.shutdown.told());
        let status = if required.iter().any(|(_, check)| !check.ok) {
            "unhealthy"
        } else if informative.iter().any(|(_, check)| !check.ok) {
            "degraded"
        } else {
            "healthy"
        };
        let states =
            required.into_iter().chain(informative).map(|(name, check)| (name, check.state)).collect();
        Report { status, states, draining: self.shutdown.is_draining(), version: env!("CARGO_PKG_VERSION") }
    }
}

/// Runs `checks` all at once.
async fn run(checks: &BTreeMap<&'static str, CheckFn>) -> Vec<(&'static str, Check)> {
    let running = checks.iter().map(|(name, check)| {
        let running = check();
        async move {
            let timed_out = Check { ok: false, state: "timeout" };
            (*name, tokio::time::timeout(CHECK_TIMEOUT, running).await.unwrap_or(timed_out))
        }
    });
    futures::future::join_all(running).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_task_tells_is_in_the_report_and_may_degrade_it() {
        let shutdown = Shutdown::default();
        let health = Health::new(&shutdown);
        shutdown.tell("consumer", Check { ok: false, state: "paused" });
        let report = health.report().await;
        assert_eq!((report.status, report.states["consumer"]), ("degraded", "paused"));
        shutdown.tell("consumer", Check { ok: true, state: "consuming" });
        assert_eq!(health.report().await.status, "healthy");
    }

    #[tokio::test]
    async fn a_required_check_that_fails_is_unhealthy_and_an_informative_one_degraded() {
        let health = Health::new(&Shutdown::default())
            .require("broker", async || Check::connected(true))
            .inform("database", async || Check::connected(false));
        let report = health.report().await;
        assert_eq!(report.status, "degraded");
        assert_eq!(serde_json::to_value(&report).unwrap()["database"], "disconnected");

        let report = health.require("disk", async || Check { ok: false, state: "full" }).report().await;
        assert_eq!((report.status, report.states["disk"]), ("unhealthy", "full"));
    }
}
