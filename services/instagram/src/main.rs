//! `weir-instagram`: the process that stores Instagram events.

use std::process::ExitCode;

use anyhow::Context as _;
use config::Role;
use instagram::Open;
use lifecycle::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::Instagram)?;
    let telemetry = telemetry::init("weir-instagram", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    tracing::info!("configuration loaded");
    let shutdown = Shutdown::default();
    let pool = store::connect(&settings.postgres).await?;
    let bus = bus::connect(&settings.nats, "weir-instagram").await?;
    let probe_listen = settings.instagram.probe_listen;
    let probe_listener = TcpListener::bind(probe_listen).await.context("instagram.probe_listen")?;
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: telemetry.handle() };
    instagram::start(open, &settings.instagram, &shutdown).await?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    pool.close().await;
    telemetry.shutdown().await;
    Ok(code)
}
