//! The sections of the settings tree. What each key means and defaults to stands in `config.default.toml`.

mod dead_letters;
mod outgoing;
mod retention;
mod zapier;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{IpAddrOrNet, List, Secret, redact};

pub use dead_letters::*;
pub use outgoing::*;
pub use retention::*;
pub use zapier::*;

/// Log output of a process.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Filter in `tracing`'s syntax: `info`, `debug,async_nats=warn`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// OpenTelemetry export.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// OTLP collector, such as `http://127.0.0.1:4317`; absent: nothing is exported.
    #[serde(serialize_with = "redact::optional")]
    pub otlp_endpoint: Option<String>,
    /// OTLP transport.
    pub otlp_protocol: OtlpProtocol,
    /// Extra headers of every export (an API key), `name=value`.
    pub otlp_headers: List<Secret>,
    /// Share of new traces that are recorded, 0.0 to 1.0; a parent's decision is followed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_ratio: f64,
    /// Export log records too.
    pub export_logs: bool,
    /// Export metrics too (they are always at `/metrics`).
    pub export_metrics: bool,
    /// How often metrics are exported, milliseconds.
    pub metrics_interval_ms: u64,
    /// Where this runs: `production`, `staging`, …; resource attribute `deployment.environment.name`.
    pub environment: String,
}

/// OTLP transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// gRPC, usually port 4317.
    Grpc,
    /// HTTP with protobuf bodies, usually port 4318; `/v1/traces` and so on are appended.
    Http,
}

/// The broker.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// Servers to try, `nats://host:port` or `tls://host:port`.
    #[serde(serialize_with = "redact::list")]
    pub urls: List<String>,
    /// NKey seed.
    pub nkey_seed: Option<Secret>,
    /// File with a JWT and its seed.
    pub credentials_file: Option<PathBuf>,
    /// Plain token.
    pub token: Option<Secret>,
    /// User name, with `password`.
    pub user: Option<String>,
    /// Password of `user`.
    pub password: Option<Secret>,
    /// Use TLS even when the URL says `nats://`.
    pub tls: bool,
    /// TLS handshake before the server's greeting (`handshake_first` on the server).
    pub tls_first: bool,
    /// CA certificates beside the system's, PEM.
    pub tls_ca_file: Option<PathBuf>,
    /// Client certificate, PEM.
    pub tls_cert_file: Option<PathBuf>,
    /// Key of the client certificate, PEM.
    pub tls_key_file: Option<PathBuf>,
    /// Monitoring address of the server, such as `http://127.0.0.1:8222`; read by `weir doctor`.
    #[serde(serialize_with = "redact::optional")]
    pub monitoring_url: Option<String>,
    /// JetStream domain.
    pub domain: Option<String>,
    /// Replicas of every stream (1, 3 or 5); `weir provision` applies it.
    pub replicas: usize,
    /// How long to wait for the broker at start, milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one publish may wait for its acknowledgement, milliseconds.
    pub publish_timeout_ms: u64,
    /// Events whose acknowledgement may be awaited at one time.
    pub publish_in_flight_max: usize,
    /// How events become durable.
    pub publish_mode: PublishMode,
    /// Events in one batch, at most.
    #[schemars(range(min = 2, max = 1000))]
    pub publish_batch_max: usize,
    /// Bytes in one batch, at most.
    pub publish_batch_max_bytes: usize,
}

/// How events become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishMode {
    /// Singly or in batches, whichever is faster at the time.
    Auto,
    /// A message each.
    Single,
    /// Those that wait at the same time in one atomic batch.
    Batch,
}

// Their URLs may carry a password, so these two print as they serialise: redacted.
impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redact::debug("Telemetry", self, f)
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redact::debug("Nats", self, f)
    }
}

impl Nats {
    /// How long to wait for the broker at start.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long one publish may wait for its acknowledgement.
    pub fn publish_timeout(&self) -> Duration {
        Duration::from_millis(self.publish_timeout_ms)
    }
}

/// The database.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host:port/database`.
    pub url: Option<Secret>,
    /// Connections of one process.
    pub connections_max: u32,
    /// How long to wait for a free connection, milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long one statement may run, milliseconds.
    pub statement_timeout_ms: u64,
}

/// Start and stop of a process.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// How long a drain may take before work is abandoned, milliseconds. Keep it below the orchestrator's grace.
    pub drain_timeout_ms: u64,
}

impl Lifecycle {
    /// How long a drain may take.
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

/// The edge.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Address of the public endpoints, such as `0.0.0.0:8000`.
    pub listen: SocketAddr,
    /// Address of `/metrics`, such as `127.0.0.1:9000`; absent: on `listen`, beside the others.
    pub metrics_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For`, `X-Forwarded-Proto` and client certificate headers are believed.
    pub trusted_proxies: List<IpAddrOrNet>,
    /// Refuse plain HTTP (probes excepted).
    pub require_https: bool,
    /// Certificate chain, PEM; with `tls_key_file` the edge speaks HTTPS itself.
    pub tls_cert_file: Option<PathBuf>,
    /// Key, PEM.
    pub tls_key_file: Option<PathBuf>,
    /// CAs that may sign client certificates, PEM; several for a change of CA.
    pub tls_client_ca_files: List<PathBuf>,
    /// Header in which a trusted proxy that ends TLS reports the subject of the client's certificate.
    pub client_certificate_header: Option<String>,
    /// Requests handled at one time; above it 503.
    pub requests_in_flight_max: usize,
    /// Bytes of bodies that are held in memory at one time, those of up to 64 KiB aside; above it 503.
    pub bodies_max_bytes: usize,
    /// Open connections; above it new ones wait in the listener's backlog.
    pub connections_max: usize,
    /// How long the request line and headers may take, milliseconds.
    pub header_timeout_ms: u64,
    /// Bytes of request line and headers.
    pub headers_max_bytes: usize,
    /// Requests per second of one client address over all providers, before authentication.
    pub rate_per_second: u32,
    /// Requests that one client address may send at once.
    pub rate_burst: u32,
    /// Providers by name.
    pub providers: BTreeMap<String, EdgeProvider>,
}

/// One provider at the edge.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeProvider {
    /// Whether its endpoints exist.
    pub enabled: bool,
    /// Secrets that are accepted, all of them: to rotate, add the new one, change the sender, remove the old one.
    pub secrets: List<Secret>,
    /// Verify tokens of the handshake, all of them; empty: every handshake is refused.
    #[serde(default)]
    #[schemars(extend("provider" = "instagram"))]
    pub verify_tokens: List<Secret>,
    /// How deliveries of many records are taken apart.
    #[serde(default)]
    #[schemars(extend("provider" = "brightdata"))]
    pub delivery: EdgeDelivery,
    /// Addresses and networks that may send; empty: any.
    pub allowed_ips: List<IpAddrOrNet>,
    /// Largest body, bytes.
    pub body_max_bytes: usize,
    /// How long a body may take to arrive, milliseconds.
    pub body_timeout_ms: u64,
    /// Events in one delivery, at most.
    pub events_max: usize,
    /// How long making all events of a delivery durable may take, milliseconds; past it the sender gets 503.
    pub answer_timeout_ms: u64,
    /// Requests per minute of all senders together.
    pub rate_per_minute: u32,
    /// Requests that may come at once.
    pub rate_burst: u32,
    /// Continue the sender's own `traceparent`; only for senders that you run yourself.
    pub trust_traceparent: bool,
    /// Require a client certificate whose subject's common name is this.
    pub client_certificate_cn: Option<String>,
}

/// How a provider's deliveries of many records are taken apart while they arrive.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeDelivery {
    /// Secrets that may sign a body, for senders of our own; empty: signatures are not looked at.
    pub hmac_secrets: List<Secret>,
    /// Oldest and furthest ahead that a timestamp header may be, seconds; without the header nothing is checked.
    pub timestamp_max_age_seconds: u64,
    /// Take a body that is no JSON as CSV.
    pub csv: bool,
    /// Largest body after decompression, bytes.
    pub decompressed_max_bytes: u64,
    /// How many times larger than received a body may become.
    pub decompressed_ratio_max: u64,
    /// Records in one part, at most.
    pub part_records_max: usize,
    /// Bytes of one part, at most; a record that alone is larger is a part of its own.
    pub part_max_bytes: usize,
    /// Largest record, bytes; above it a record is kept for the record only.
    pub record_max_bytes: usize,
    /// Deliveries taken apart at one time; above it 503.
    pub deliveries_in_flight_max: usize,
    /// Parts of all deliveries whose acknowledgement may be awaited at one time; above it reading pauses. A record that is
    /// larger than a part counts as the parts that it is as long as.
    pub parts_in_flight_max: usize,
    /// Where signed bodies wait for the end of their signature's check; absent: the system's temporary directory.
    pub spool_dir: Option<PathBuf>,
}

/// Services that store Contact2Sale leads.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct C2s {
    /// Address of `/health`, `/livez`, `/readyz` and `/metrics`, such as `0.0.0.0:8081`.
    pub probe_listen: SocketAddr,
    /// The consumer that stores leads.
    pub leads: Consumer,
    /// Looks a lead's person up and writes a message to the lead.
    pub enricher: Enricher,
    /// Takes in what no webhook brought.
    pub poll: C2sPoll,
    /// Contact2Sale's API, where leads are read and messages are posted.
    pub api: C2sApi,
}

/// How one consumer pulls.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// Events in one transaction, at most.
    pub batch_max: usize,
    /// Batches handled at one time.
    pub concurrency: usize,
    /// First wait before a failed event is tried again, milliseconds; doubles with each attempt.
    pub retry_base_ms: u64,
    /// Longest such wait, milliseconds.
    pub retry_max_ms: u64,
    /// How long handling one batch may take, milliseconds.
    pub handle_timeout_ms: u64,
    /// Attempts at one event; the last failed one makes a dead letter.
    pub attempts_max: u64,
    /// When the consumer pauses itself.
    pub breaker: Breaker,
}

/// When a consumer pauses itself because too many of its events die.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Dead letters within the window that are taken for granted.
    pub dead_letters_max: u64,
    /// Share of the events handled within the window, percent, that must have died as well.
    #[schemars(range(max = 100))]
    pub share_percent: u64,
    /// The window, seconds.
    pub window_seconds: u64,
    /// First pause, seconds; each further one is twice as long.
    pub pause_seconds: u64,
    /// Longest pause, seconds.
    pub pause_max_seconds: u64,
}

/// Instagram.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instagram {
    /// Address of `/health`, `/livez`, `/readyz` and `/metrics` of the service, such as `0.0.0.0:8082`.
    pub probe_listen: SocketAddr,
    /// The consumer that stores events.
    pub handler: Consumer,
    /// Meta's Graph API, which subscribes accounts.
    pub graph: GraphApi,
}

/// Bright Data.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrightData {
    /// Address of `/health`, `/livez`, `/readyz` and `/metrics` of the service, such as `0.0.0.0:8083`.
    pub probe_listen: SocketAddr,
    /// The consumer that processes parts of deliveries, and notifications.
    pub processor: Consumer,
    /// Bright Data's API, which takes jobs and gives their results.
    pub api: BrightDataApi,
}
