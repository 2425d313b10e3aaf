//! `weir-c2s`: the process that stores and enriches Contact2Sale leads.

use std::process::ExitCode;

use anyhow::Context as _;
use c2s::Open;
use config::Role;
use lifecycle::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::C2s)?;
    let telemetry = telemetry::init("weir-c2s", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    // The older service's words, here and where its other lines come from: its runbooks look for them.
    tracing::info!("✓ Configuration loaded successfully");
    let shutdown = Shutdown::default();
    let pool = store::connect(&settings.postgres).await?;
    tracing::info!("✓ Database connection pool established");
    let bus = bus::connect(&settings.nats, "weir-c2s").await?;
    let probe_listener = TcpListener::bind(settings.c2s.probe_listen).await.context("c2s.probe_listen")?;
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: telemetry.handle() };
    c2s::start(open, &settings, &shutdown).await?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    store::close(&pool).await;
    telemetry.shutdown().await;
    Ok(code)
}
