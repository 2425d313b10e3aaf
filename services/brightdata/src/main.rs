//! `weir-brightdata`: the process that stores what Bright Data collected.

use std::process::ExitCode;

use anyhow::Context as _;
use brightdata::Open;
use config::Role;
use lifecycle::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::BrightData)?;
    let telemetry = telemetry::init("weir-brightdata", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    tracing::info!("configuration loaded");
    let shutdown = Shutdown::default();
    let pool = store::connect(&settings.postgres).await?;
    let bus = bus::connect(&settings.nats, "weir-brightdata").await?;
    let address = settings.brightdata.probe_listen;
    let probe_listener = TcpListener::bind(address).await.context("brightdata.probe_listen")?;
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: telemetry.handle() };
    brightdata::start(open, &settings.brightdata, &settings.nats, &shutdown).await?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    pool.close().await;
    telemetry.shutdown().await;
    Ok(code)
}
