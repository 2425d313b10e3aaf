//! `weir-edge`: the process that takes webhooks in.

use std::process::ExitCode;

use anyhow::Context as _;
use config::Role;
use edge::{Edge, Open};
use lifecycle::Shutdown;
use tokio::net::TcpListener;

// A delivery costs some hundred allocations, most of them of some bytes; what it is told is in .cargo/config.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = config::load(Role::Edge)?;
    let telemetry = telemetry::init("weir-edge", &settings.telemetry, &settings.log)?;
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
    let edge = Edge::new(&settings.edge)?;
    if settings.edge.providers.get("c2s").is_some_and(|c2s| c2s.enabled) {
        // The older service's words: its runbooks look for them.
        tracing::info!("✓ Webhook secret configured for C2S webhooks");
    }
    let shutdown = Shutdown::default();
    let bus = bus::connect(&settings.nats, "weir-edge").await?;
    edge.verify(&bus).await?;
    let listen = async |key, at| TcpListener::bind(at).await.with_context(|| format!("{key}: {at}"));
    let listener = listen("edge.listen", settings.edge.listen).await?;
    let metrics_listener = match settings.edge.metrics_listen {
        Some(address) => Some(listen("edge.metrics_listen", address).await?),
        None => None,
    };
    let open = Open {
        listener,
        metrics_listener,
        publisher: bus::Publisher::new(&bus, &settings.nats),
        health: edge::health(&bus, &shutdown),
        metrics: telemetry.handle(),
    };
    edge.start(open, &shutdown)?;
    let code = shutdown.run(settings.lifecycle.drain_timeout()).await;
    bus.close().await;
    telemetry.shutdown().await;
    Ok(code)
}
