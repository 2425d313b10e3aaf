//! Removes what is old, every hour; one replica at a time.

use bus::Bus;
use contract::metric;
use lifecycle::Shutdown;
use opentelemetry::{KeyValue, metrics::Counter};
use retention::{Ask, Line, Plan};
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

/// Removes until the process drains. What cannot be planned is said and tried again: the broker may be away, and a
/// setting that contradicts a stream is no reason to record no dead letters.
pub(crate) async fn run(
    bus: Bus,
    pool: PgPool,
    settings: config::Retention,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    if !settings.enabled {
        info!("nothing is removed: retention.enabled is false");
        shutdown.draining().await;
        return Ok(());
    }
    let removed = telemetry::meter()
        .u64_counter(metric::RETENTION_REMOVED)
        .with_description("Rows that were old and removed")
        .build();
    let mut ticks = interval(settings.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        match once(&bus, &pool, &settings, &shutdown).await {
            Ok(Some(lines)) => tell(&lines, &removed),
            Ok(None) => debug!("another process removes what is old"),
            Err(error) => {
                warn!(error = %format!("{error:#}"), "what is old was not removed, or not all of it");
            }
        }
    }
}

async fn once(
    bus: &Bus,
    pool: &PgPool,
    settings: &config::Retention,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Vec<Line>>> {
    let horizon = retention::horizon(bus).await?;
    let plan = Plan::new(settings, &Ask::default(), horizon, OffsetDateTime::now_utc())?;
    Ok(retention::run(pool, &plan, shutdown, |_| ()).await?)
}

fn tell(lines: &[Line], removed: &Counter<u64>) {
    for line in lines.iter().filter(|line| line.deleted > 0) {
        info!(
            what = line.what.as_str(),
            provider = line.provider,
            status = line.status.as_str(),
            removed = line.deleted,
            kept = line.kept,
            "removed what is old"
        );
        let labels = [KeyValue::new("what", line.what.as_str()), KeyValue::new("provider", line.provider)];
        removed.add(line.deleted, &labels);
    }
}
