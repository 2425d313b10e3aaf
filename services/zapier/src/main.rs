//! `weir-zapier`: the process that stores usage reports and sends them on.

use std::process::ExitCode;

use anyhow::Context as _;
use config::Role;
use lifecycle::Shutdown;
use tokio::net::TcpListener;
use zapier::Open;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::Zapier)?;
    let telemetry = telemetry::init("weir-zapier", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    tracing::info!("configuration loaded");
    let shutdown = Shutdown::default();
    let pool = store::connect(&settings.postgres).await?;
    let bus = bus::connect(&settings.nats, "weir-zapier").await?;
    let probe_listener =
        TcpListener::bind(settings.zapier.probe_listen).await.context("zapier.probe_listen")?;
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: telemetry.handle() };
    zapier::start(open, &settings, &shutdown).await?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    store::close(&pool).await;
    telemetry.shutdown().await;
    Ok(code)
}
