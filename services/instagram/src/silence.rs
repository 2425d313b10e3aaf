//! Measures how silent Meta is: it stops sending without a word when our endpoint failed for an hour.

use std::time::Duration;

use contract::metric;
use lifecycle::Shutdown;
use opentelemetry::metrics::Gauge;
use sqlx::PgPool;
use store::instagram_accounts::{self, Silence};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

/// How often it is measured. Every replica does, and all find the same.
const INTERVAL: Duration = Duration::from_secs(15);

struct Gauges {
    accounts: Gauge<i64>,
    silent: Gauge<i64>,
    last_webhook: Gauge<i64>,
}

impl Gauges {
    fn new() -> Self {
        let meter = telemetry::meter();
        let gauge = |name, description| meter.i64_gauge(name).with_description(description).build();
        Self {
            accounts: gauge(metric::INSTAGRAM_ACCOUNTS, "Accounts that Meta has sent webhooks for"),
            silent: gauge(metric::INSTAGRAM_ACCOUNTS_SILENT, "Of these, accounts without a webhook lately"),
            last_webhook: gauge(
                metric::INSTAGRAM_LAST_WEBHOOK,
                "When Meta's last webhook came, Unix seconds",
            ),
        }
    }

    fn record(&self, silence: Silence) {
        self.accounts.record(silence.accounts, &[]);
        self.silent.record(silence.silent, &[]);
        if let Some(at) = silence.last_webhook_at {
            self.last_webhook.record(at.unix_timestamp(), &[]);
        }
    }
}

/// Measures until the process drains. An account is silent after `tolerated` without a webhook.
pub(crate) async fn run(pool: PgPool, tolerated: Duration, shutdown: Shutdown) -> anyhow::Result<()> {
    let gauges = Gauges::new();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        match measure(&pool, tolerated).await {
            Ok(silence) => gauges.record(silence),
            // Health says that the database is away.
            Err(error) => debug!(error = &error as &dyn std::error::Error, "silence not measured"),
        }
    }
}

async fn measure(pool: &PgPool, tolerated: Duration) -> sqlx::Result<Silence> {
    let mut connection = pool.acquire().await?;
    instagram_accounts::silence(&mut connection, OffsetDateTime::now_utc() - tolerated).await
}
