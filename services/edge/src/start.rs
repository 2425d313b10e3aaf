//! From settings to a serving edge, in two steps: everything that can be wrong with the settings is found before
//! anything is bound or connected.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderName, header::InvalidHeaderName};
use bus::{Bus, Mismatch, Publisher, Topology};
use lifecycle::{Health, Shutdown};
use telemetry::MetricsHandle;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    address::Proxies,
    body::Room,
    files,
    gate::Gate,
    http::{self, App},
    metrics::Metrics,
    probes,
    provider::{self, Registered},
    rate::{AddressLimit, ZeroRate},
    refusals::Refusals,
    server::{Limits, Server},
    tls,
};

/// Connections to the private listener, which a scraper and an orchestrator use.
const PRIVATE_CONNECTIONS_MAX: usize = 64;

/// A setting that the edge cannot start with. Names the key, never the value.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingError {
    key: String,
    problem: String,
    #[source]
    source: Option<anyhow::Error>,
}

impl SettingError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// An edge whose settings make sense, and which has not started.
pub struct Edge {
    providers: Vec<Arc<Registered>>,
    gate: Gate,
    bodies: Room,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

/// What the edge needs open.
pub struct Open {
    /// Where the public endpoints are served.
    pub listener: TcpListener,
    /// Where `/metrics` is served, and the probes too; absent: on `listener`.
    pub metrics_listener: Option<TcpListener>,
    /// Makes events durable.
    pub publisher: Publisher,
    /// What the probes answer, see [`health`](crate::health).
    pub health: Health,
    /// What `/metrics` answers.
    pub metrics: MetricsHandle,
}

impl Edge {
    /// Checks the settings and reads the files that they name.
    ///
    /// # Errors
    /// Names the key: an enabled provider without a secret, a provider nobody knows, a limit of zero, a certificate that
    /// cannot be read. Proved by `an_enabled_provider_without_a_secret_is_named` and its neighbours.
    pub fn new(settings: &config::Edge) -> Result<Self, SettingError> {
        for (key, value) in [
            ("edge.requests_in_flight_max", settings.requests_in_flight_max),
            ("edge.connections_max", settings.connections_max),
        ] {
            if value == 0 || value > Semaphore::MAX_PERMITS {
                return Err(SettingError::new(
                    key,
                    "must be at least 1, and a number that a machine can hold",
                ));
            }
        }
        let rate = AddressLimit::new(settings.rate_per_second, settings.rate_burst)
            .map_err(|ZeroRate(key)| SettingError::new(format!("edge.{key}"), "must be at least 1"))?;
        let tls = tls::acceptor(settings)?;
        Ok(Self {
            providers: provider::register(settings)?,
            gate: Gate {
                proxies: Arc::new(Proxies::new(&settings.trusted_proxies)),
                require_https: settings.require_https,
                certificate_header: certificate_header(settings)?,
                rate,
                in_flight: Arc::new(Semaphore::new(settings.requests_in_flight_max)),
            },
            bodies: Room::new(settings.bodies_max_bytes),
            tls,
            limits: Limits {
                connections_max: settings.connections_max,
                header_timeout: Duration::from_millis(settings.header_timeout_ms),
                headers_max_bytes: settings.headers_max_bytes,
            },
        })
    }

    /// Compares the streams of the enabled providers with what a 2xx promises.
    ///
    /// # Errors
    /// A stream is missing, or would lose what it acknowledges.
    pub async fn verify(&self, bus: &Bus) -> Result<(), Mismatch> {
        let topology = Topology::embedded();
        for provider in &self.providers {
            topology.verify(bus, provider.stream()).await?;
        }
        Ok(())
    }

    /// Serves until the process drains: then readiness turns 503, deliveries in flight are finished, later ones are
    /// told to come again, and the task ends. Proved by `a_drain_finishes_the_delivery_in_flight`.
    ///
    /// # Errors
    /// A listener has no address: it is not a listening socket.
    pub fn start(self, open: Open, shutdown: &Shutdown) -> std::io::Result<()> {
        let address = open.listener.local_addr()?;
        let metrics_address = open.metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?;
        for provider in &self.providers {
            info!(provider = provider.name, secrets = provider.secrets_len, "webhook secret configured");
        }
        let metrics = Arc::new(Metrics::new());
        let limits = Limits { connections_max: files::room(self.limits.connections_max), ..self.limits };
        let private_limits = Limits { connections_max: PRIVATE_CONNECTIONS_MAX, ..limits };
        let proxies = self.gate.proxies.clone();
        let app = Arc::new(App {
            gate: self.gate,
            bodies: self.bodies,
            publisher: open.publisher,
            refusals: Refusals::new(metrics.clone()),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        });
        let beside = open.metrics_listener.is_none().then(|| probes::metrics(open.metrics.clone()));
        let probes = probes::router(open.health);
        let router = http::router(&app, &self.providers, probes.clone().merge(beside.unwrap_or_default()));
        let public =
            Server::new(router, self.tls, limits, proxies.clone(), metrics.clone(), shutdown.clone());
        let private = Server::new(
            http::private(probes.merge(probes::metrics(open.metrics))),
            None,
            private_limits,
            proxies,
            metrics,
            shutdown.clone(),
        );
        shutdown.spawn_required("edge", async move {
            // The private listener answers readiness for as long as the public one has work.
            let done = CancellationToken::new();
            let public = async {
                public.serve(open.listener, std::future::ready(())).await;
                done.cancel();
            };
            let private = async {
                if let Some(listener) = open.metrics_listener {
                    private.serve(listener, done.cancelled()).await;
                }
            };
            tokio::join!(public, private);
            Ok(())
        });
        info!(%address, metrics_address = metrics_address.map(tracing::field::display), "edge listening");
        Ok(())
    }
}

fn certificate_header(settings: &config::Edge) -> Result<Option<HeaderName>, SettingError> {
    let parsed = settings.client_certificate_header.as_deref().map(str::parse).transpose();
    parsed.map_err(|error: InvalidHeaderName| {
        SettingError::new("edge.client_certificate_header", "is no header name").because(error)
    })
}
