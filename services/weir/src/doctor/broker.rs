//! The broker: version, streams and consumers against the topology, sizes, and what only its monitoring tells.

mod monitoring;

use std::time::Duration;

use bus::{Action, Bus, ConnectError, Mismatch, Topology};
use config::Settings;

use super::finding::Findings;
use crate::output::size;

/// A stream this full needs a person before it refuses.
const FULL_PERCENT: u64 = 80;

pub(crate) async fn examine(settings: &Settings, monitoring: Option<&str>, wait: Duration) -> Findings {
    let mut findings = Findings::about("broker");
    let mut nats = settings.nats.clone();
    nats.connect_timeout_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    match bus::connect(&nats, "weir").await {
        Ok(bus) => {
            look(&bus, settings, monitoring, &mut findings).await;
            bus.close().await;
        }
        Err(error) => unreachable(&error, &mut findings),
    }
    findings
}

fn unreachable(error: &ConnectError, findings: &mut Findings) {
    let advice = match error {
        ConnectError::TooOld { .. } => {
            "upgrade it: older servers silently ignore options that durability rests on"
        }
        ConnectError::Setting { .. } => "correct the nats section: `weir config show`",
        ConnectError::Timeout(_) => {
            "is it running there? `weir config show` tells which nats.urls are in effect"
        }
        ConnectError::Refused(_) => "check the credentials in the nats section",
    };
    findings.error(error.to_string(), advice);
}

async fn look(bus: &Bus, settings: &Settings, monitoring: Option<&str>, findings: &mut Findings) {
    let server = bus.client().server_info();
    findings.ok(format!("nats-server {} as {}", server.version, server.server_name));
    if !server.jetstream {
        findings.error("JetStream is off", "start it with the shipped infra/nats/nats-server.conf");
        return;
    }
    let topology = Topology::embedded();
    messages_fit(server.max_payload, &topology, findings);
    limits(bus, &topology, settings.nats.replicas, findings).await;
    for stream in topology.streams.keys() {
        promises(bus, &topology, stream, findings).await;
        fill(bus, stream, findings).await;
    }
    for bucket in topology.buckets.keys() {
        fill(bus, &format!("OBJ_{bucket}"), findings).await;
    }
    for (name, consumer) in &topology.consumers {
        backlog(bus, &consumer.stream, name, findings).await;
    }
    let address = monitoring.or(settings.nats.monitoring_url.as_deref()).map(str::to_owned);
    let address = address.unwrap_or_else(|| format!("http://{}:8222", bracketed(&server.host, bus)));
    monitoring::examine(&address, settings.nats.replicas, findings).await;
}

/// The host that we are connected to; a server that listens everywhere calls itself 0.0.0.0.
fn bracketed(listens_on: &str, bus: &Bus) -> String {
    let everywhere = ["0.0.0.0", "::", ""].contains(&listens_on);
    let host = if everywhere { bus.client().server_info().client_ip } else { listens_on.to_owned() };
    if host.contains(':') { format!("[{host}]") } else { host }
}

fn messages_fit(max_payload: usize, topology: &Topology, findings: &mut Findings) {
    for (name, stream) in &topology.streams {
        let largest = usize::try_from(stream.max_message_bytes).unwrap_or_default();
        if largest > max_payload {
            findings.error(
                format!("stream {name} takes messages of {largest} bytes, the server only {max_payload}"),
                "set max_payload in the server's configuration to at least 1MB",
            );
        }
    }
}

async fn limits(bus: &Bus, topology: &Topology, replicas: usize, findings: &mut Findings) {
    let changes = match topology.plan(bus, replicas).await {
        Ok(changes) => changes,
        Err(error) => {
            findings.error(format!("streams cannot be read: {error:#}"), "does the account have JetStream?");
            return;
        }
    };
    for change in changes {
        let what = format!("{} {}", change.kind, change.name);
        match change.action {
            // Whether it keeps its promises is the next question; that it is missing is said there.
            Action::Unchanged | Action::Created => {}
            Action::Updated => findings.warning(
                format!("{what} differs from the topology: {}", change.differences.join(", ")),
                "run `weir provision`, or keep it if the difference is yours",
            ),
        }
    }
}

async fn promises(bus: &Bus, topology: &Topology, stream: &str, findings: &mut Findings) {
    match topology.verify(bus, stream).await {
        Ok(()) => findings.ok(format!("stream {stream} and its consumers keep what they promise")),
        Err(mismatch @ (Mismatch::Missing { .. } | Mismatch::Contradiction { .. })) => {
            findings.error(mismatch.to_string(), "services refuse to start until then");
        }
        Err(other) => findings.error(other.to_string(), "check the permissions of this user on $JS.API.>"),
    }
}

async fn fill(bus: &Bus, name: &str, findings: &mut Findings) {
    let Ok(stream) = bus.jetstream().get_stream(name).await else { return };
    let info = stream.cached_info();
    let (messages, bytes) = (info.state.messages, info.state.bytes);
    let limit = u64::try_from(info.config.max_bytes).unwrap_or_default();
    let percent = bytes.saturating_mul(100).checked_div(limit).unwrap_or_default();
    let text =
        format!("stream {name} holds {messages} messages, {} of {} ({percent} %)", size(bytes), size(limit));
    if percent >= FULL_PERCENT {
        findings.warning(
            text,
            "a full stream refuses, and callers get 503: are its consumers running? Else raise max_bytes",
        );
    } else {
        findings.ok(text);
    }
    let lagging = info
        .cluster
        .iter()
        .flat_map(|cluster| &cluster.replicas)
        .filter(|peer| peer.offline || !peer.current);
    let lagging: Vec<_> = lagging.map(|peer| peer.name.clone()).collect();
    if !lagging.is_empty() {
        let text = format!("replicas of stream {name} are behind or offline: {}", lagging.join(", "));
        findings.warning(text, "look at these servers before another one stops");
    }
}

async fn backlog(bus: &Bus, stream: &str, name: &str, findings: &mut Findings) {
    use async_nats::jetstream::consumer::pull;

    let found = bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(name, stream).await;
    let Ok(consumer) = found else { return };
    let info = consumer.cached_info();
    let text = format!(
        "consumer {name}: {} waiting, {} in hand, {} redelivered",
        info.num_pending, info.num_ack_pending, info.num_redelivered
    );
    if info.num_pending > 0 && info.num_waiting == 0 {
        findings.warning(text, "nobody asks for events: is its service running?");
    } else {
        findings.ok(text);
    }
}
