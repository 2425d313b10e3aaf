//! The safety net, by itself: every so often, one of the replicas takes in what no webhook brought.

use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, Publisher};
use c2s_api::C2sApi;
use catch_up::{CatchUp, Report};
use config::Settings;
use lifecycle::Shutdown;
use sqlx::PgPool;
use store::rate_limits::{self, Rate};
use time::OffsetDateTime;
use tracing::{info, warn};

/// Key of the limit that makes one replica do it.
const LIMIT_KEY: &str = "c2s-poll";
/// Wait after a poll that could not begin.
const RETRY: Duration = Duration::from_mins(1);

/// Starts polling, where the settings say so.
///
/// # Errors
/// The API's settings cannot be used.
pub(crate) fn start(
    settings: &Settings,
    bus: &Bus,
    pool: &PgPool,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    if !settings.c2s.poll.enabled {
        return Ok(());
    }
    if settings.c2s.api.token.is_none() {
        warn!("leads are not polled: c2s.api.token (C2S_TOKEN) is not set");
        return Ok(());
    }
    let api = C2sApi::new(&settings.c2s.api, &settings.outbound).context("c2s.api")?;
    let publisher = Publisher::new(bus, &settings.nats);
    let catch_up = CatchUp::new(api, publisher, pool.clone(), &settings.c2s);
    let poll = settings.c2s.poll.clone();
    shutdown.spawn_required("c2s-poll", run(catch_up, poll, pool.clone(), shutdown.clone()));
    Ok(())
}

async fn run(
    catch_up: CatchUp,
    settings: config::C2sPoll,
    pool: PgPool,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    loop {
        let wait = match turn(&pool, settings.interval()).await {
            Ok(wait) if wait.is_zero() => {
                let polling = catch_up.run(OffsetDateTime::now_utc() - settings.lookback(), false);
                tokio::select! {
                    report = polling => tell(report),
                    // What was not read is read by the next poll.
                    () = shutdown.draining() => return Ok(()),
                }
                continue;
            }
            Ok(wait) => wait,
            // Health says that the database is away.
            Err(_) => RETRY,
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.draining() => return Ok(()),
        }
    }
}

/// Zero: it is this replica's turn. Else how long nobody has to.
async fn turn(pool: &PgPool, interval: Duration) -> sqlx::Result<Duration> {
    let mut connection = pool.acquire().await?;
    rate_limits::take(&mut connection, LIMIT_KEY, Rate { count: 1, per: interval, burst: 1 }).await
}

fn tell(report: Result<Report, catch_up::Error>) {
    match report {
        Ok(report) => info!(
            leads = report.seen,
            published = report.published,
            pages = report.pages,
            complete = report.is_complete,
            "polled Contact2Sale"
        ),
        Err(error) => warn!(error = &error as &dyn std::error::Error, "poll failed"),
    }
}
