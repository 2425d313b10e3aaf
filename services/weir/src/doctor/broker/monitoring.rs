//! What only the server's monitoring tells: when it writes to disk, how many servers there are, and its clock.

use anyhow::Context as _;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    delivery::client,
    doctor::{clock, finding::Findings},
};

/// The part of `/varz` that matters here.
#[derive(Debug, Deserialize)]
struct Varz {
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
    #[serde(default)]
    jetstream: JetStream,
    #[serde(default)]
    cluster: Cluster,
}

#[derive(Debug, Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: Option<JetStreamConfig>,
}

#[derive(Debug, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
    /// Nanoseconds.
    #[serde(default)]
    sync_interval: u64,
    store_dir: String,
}

#[derive(Debug, Default, Deserialize)]
struct Cluster {
    #[serde(default)]
    urls: Vec<String>,
}

pub(crate) async fn examine(address: &str, replicas: usize, findings: &mut Findings) {
    let asked = OffsetDateTime::now_utc();
    let varz = match read(address).await {
        Ok(varz) => varz,
        Err(error) => {
            findings.warning(
                format!("whether acknowledged events are on disk could not be seen: {error:#}"),
                "give the monitoring address (--monitoring or nats.monitoring_url), or check on the server that its \
                 configuration says `jetstream { sync_interval: always }`",
            );
            return;
        }
    };
    clock::compare(findings, varz.now, asked, OffsetDateTime::now_utc());
    if let Some(config) = &varz.jetstream.config {
        disk(config, findings);
    }
    nodes(varz.cluster.urls.len(), replicas, findings);
}

async fn read(address: &str) -> anyhow::Result<Varz> {
    let response = client()?.get(format!("{}/varz", address.trim_end_matches('/'))).send().await;
    let response =
        response.map_err(reqwest::Error::without_url).and_then(reqwest::Response::error_for_status);
    let shown = config::redact_userinfo(address);
    let response = response.with_context(|| format!("no answer from {shown}/varz"))?;
    response.json().await.with_context(|| format!("{shown}/varz is not that of a nats-server"))
}

fn disk(config: &JetStreamConfig, findings: &mut Findings) {
    if config.sync_always {
        findings.ok("sync_interval is always: what is acknowledged is on disk");
    } else {
        let seconds = config.sync_interval / 1_000_000_000;
        findings.error(
            format!("sync_interval is {seconds} s: a power failure loses up to {seconds} s of acknowledged events"),
            "set `jetstream { sync_interval: always }` as in infra/nats/nats-server.conf, and restart the server",
        );
    }
    if config.store_dir.starts_with("/tmp/nats/") {
        findings.error(
            format!("the store is {}, the default, which a reboot may empty", config.store_dir),
            "set jetstream.store_dir to a folder on a disk that stays",
        );
    }
}

fn nodes(others: usize, replicas: usize, findings: &mut Findings) {
    match (others, replicas) {
        (0, 1) => findings.info(
            "one server and one copy of every stream: losing its disk loses what was not processed yet",
            "run three servers and set nats.replicas = 3 where that matters",
        ),
        (2.., 1) => findings.warning(
            format!("{others} servers beside this one, and nats.replicas is 1"),
            "set nats.replicas = 3 and run `weir provision`: with one copy, losing one disk loses events",
        ),
        (_, copies) => findings.ok(format!("{copies} copies of every stream")),
    }
}
