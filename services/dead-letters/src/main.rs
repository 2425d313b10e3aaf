//! `weir-dead-letters`: the process that records dead letters and audits the streams.

use std::process::ExitCode;

use anyhow::Context as _;
use config::Role;
use dead_letters::Open;
use lifecycle::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::DeadLetters)?;
    let telemetry = telemetry::init("weir-dead-letters", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    tracing::info!("configuration loaded");
    let shutdown = Shutdown::default();
    let pool = store::connect(&settings.postgres).await?;
    let bus = bus::connect(&settings.nats, "weir-dead-letters").await?;
    let address = settings.dead_letters.probe_listen;
    let probe_listener = TcpListener::bind(address).await.context("dead_letters.probe_listen")?;
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: telemetry.handle() };
    dead_letters::start(open, &settings, &shutdown).await?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    store::close(&pool).await;
    telemetry.shutdown().await;
    Ok(code)
}
