//! Whether the enricher works, and what it waits for: for `/health` and for metrics.

use std::time::Duration;

use contract::{code, metric};
use lifecycle::{Check, Shutdown};
use opentelemetry::{KeyValue, metrics::Gauge};
use sqlx::PgPool;
use store::rate_limits::{self, Limit};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::limit::{ACCOUNT_REFUSED, MISDIRECTED};

/// How often pauses are looked at. Every replica does, and all find the same.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks at the pauses of what the enricher calls.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pool: PgPool,
    destinations: Vec<&'static str>,
    gauge: Gauge<u64>,
}

/// A watch over these destinations; none of them: the enricher is off.
pub(crate) fn watch(pool: &PgPool, destinations: Vec<&'static str>) -> Watch {
    let gauge = telemetry::meter()
        .u64_gauge(metric::ENRICHER_PAUSED)
        .with_description("1 while a service that the enricher calls is not called")
        .build();
    Watch { pool: pool.clone(), destinations, gauge }
}

impl Watch {
    /// The enricher in one word, or with what it waits for: `paused: work api quota or token`.
    pub(crate) async fn check(&self) -> Check {
        if self.destinations.is_empty() {
            return Check { ok: true, state: "off" };
        }
        match self.pauses().await {
            Ok(pauses) => {
                pauses.first().map_or(Check { ok: true, state: "working" }, |(destination, limit)| {
                    let code = limit.pause_code.as_deref().unwrap_or_default();
                    // A rest that a service asks for is part of the day.
                    Check { ok: code == code::RATE_LIMITED.as_str(), state: state(destination, code) }
                })
            }
            Err(_) => Check { ok: false, state: "unknown" },
        }
    }

    /// What is paused, the worst first.
    async fn pauses(&self) -> sqlx::Result<Vec<(&'static str, Limit)>> {
        let mut connection = self.pool.acquire().await?;
        let limits = rate_limits::list(&mut connection).await?;
        let paused = limits.into_iter().filter(|limit| limit.pause_code.is_some());
        let mut paused: Vec<_> = paused
            .filter_map(|limit| {
                let destination = self.destinations.iter().find(|destination| **destination == limit.key)?;
                Some((*destination, limit))
            })
            .collect();
        let helps_itself =
            |code: &str| ![ACCOUNT_REFUSED, MISDIRECTED].iter().any(|only| only.as_str() == code);
        paused.sort_by_key(|(_, limit)| limit.pause_code.as_deref().is_none_or(helps_itself));
        Ok(paused)
    }
}

/// Words of a fixed set, as health checks want them.
fn state(destination: &str, code: &str) -> &'static str {
    let is_account = code == ACCOUNT_REFUSED.as_str();
    if code == MISDIRECTED.as_str() {
        return match destination {
            "work-api" => "paused: work api address",
            "diretrix" => "paused: diretrix address",
            _ => "paused: c2s address",
        };
    }
    match (destination, is_account) {
        ("work-api", true) => "paused: work api quota or token",
        ("work-api", false) => "paused: work api",
        ("diretrix", true) => "paused: diretrix quota or password",
        ("diretrix", false) => "paused: diretrix",
        (_, true) => "paused: c2s token",
        (_, false) => "paused: c2s",
    }
}

/// Measures until the process drains, and says when a pause begins and when it is over.
pub(crate) async fn run(watch: Watch, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut paused = Vec::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        match watch.pauses().await {
            Ok(now) => {
                let now: Vec<_> = now.into_iter().map(|(destination, _)| destination).collect();
                for destination in &watch.destinations {
                    tell(destination, paused.contains(destination), now.contains(destination));
                    let labels = [KeyValue::new("destination", *destination)];
                    watch.gauge.record(u64::from(now.contains(destination)), &labels);
                }
                paused = now;
            }
            // Health says that the database is away.
            Err(error) => debug!(error = &error as &dyn std::error::Error, "pauses not measured"),
        }
    }
}

fn tell(destination: &str, before: bool, now: bool) {
    match (before, now) {
        (false, true) => warn!(destination, "paused; leads wait on the stream"),
        (true, false) => info!(destination, "the pause is over"),
        _ => {}
    }
}
