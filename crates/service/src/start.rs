//! The start that every service shares.

use anyhow::Context as _;
use bus::{Bus, Topology};
use lifecycle::{Health, Shutdown};
use sqlx::PgPool;
use telemetry::MetricsHandle;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{database_health, probes};

/// What a service runs on, already open.
pub struct Open {
    /// Connection to the broker.
    pub bus: Bus,
    /// The database; it need not be there yet.
    pub pool: PgPool,
    /// Where probes and metrics are answered.
    pub probe_listener: TcpListener,
    /// What `/metrics` answers.
    pub metrics: MetricsHandle,
}

/// Checks the stream, answers probes, and answers for the database on the broker. Gives back what the consumer needs.
///
/// # Errors
/// The stream is not there, or contradicts a promise; the error says what to do.
pub async fn start(open: Open, stream: &'static str, shutdown: &Shutdown) -> anyhow::Result<(Bus, PgPool)> {
    start_with(open, stream, shutdown, |health| health).await
}

/// The same, with checks of the service's own: `extend` adds them.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    open: Open,
    stream: &'static str,
    shutdown: &Shutdown,
    extend: impl FnOnce(Health) -> Health,
) -> anyhow::Result<(Bus, PgPool)> {
    let Open { bus, pool, probe_listener, metrics } = open;
    Topology::embedded().verify(&bus, stream).await?;
    info!(stream, "stream verified");
    if store::is_connected(&pool).await {
        info!("database connected");
    } else {
        warn!("database is away; events wait until it is back");
    }
    info!(address = %probe_listener.local_addr().context("probe_listen")?, "answering probes");
    let router = probes::router(extend(probes::health(&bus, &pool, shutdown)), metrics);
    lifecycle::serve(probe_listener, router);
    shutdown
        .spawn_required("database-health", database_health::run(bus.clone(), pool.clone(), shutdown.clone()));
    Ok((bus, pool))
}
