//! The connection to the broker. It reconnects by itself, for as long as the process lives.

use std::{error::Error, path::PathBuf, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, ServerAddr,
    connection::State,
    jetstream::{self, context::ContextBuilder},
};
use tracing::{error, info, warn};

/// Oldest server whose behaviour the promises rest on; older ones silently ignore options.
const OLDEST_SERVER: (i64, i64, i64) = (2, 15, 1);
/// Two pings without an answer and the connection counts as lost: ten seconds, not the default's three minutes.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait between two attempts to connect.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(2);
/// How often the state of a new connection is looked at.
const POLL: Duration = Duration::from_millis(20);

/// One connection, and JetStream on it. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    jetstream: jetstream::Context,
}

/// Why there is no broker to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A setting of the `nats` section cannot be used.
    #[error("{key} cannot be used")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No server answered in time.
    #[error("no NATS server answered within {0:?}: check nats.urls and that the server runs")]
    Timeout(Duration),
    /// The server is older than what durability rests on.
    #[error("nats-server {found} is too old: Weir needs 2.15.1 or newer")]
    TooOld {
        /// The server's version.
        found: String,
    },
    /// The client gave up, for example because the credentials were refused.
    #[error("the NATS server refused the connection")]
    Refused(#[source] async_nats::ConnectError),
}

/// Connects, waiting at most `config.connect_timeout()` for a server. `name` is what the server's monitoring shows.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(config: &config::Nats, name: &'static str) -> Result<Bus, ConnectError> {
    let addresses = config.urls.iter().map(|url| url.parse()).collect::<Result<Vec<ServerAddr>, _>>();
    let addresses =
        addresses.map_err(|source| ConnectError::Setting { key: "nats.urls", source: source.into() })?;
    let deadline = config.connect_timeout();
    let connecting = async {
        let client = options(config, name).await?.connect(addresses).await.map_err(ConnectError::Refused)?;
        while client.connection_state() != State::Connected || client.try_server_info().is_none() {
            tokio::time::sleep(POLL).await;
        }
        Ok(client)
    };
    let client =
        tokio::time::timeout(deadline, connecting).await.map_err(|_| ConnectError::Timeout(deadline))??;
    let (major, minor, patch) = OLDEST_SERVER;
    if !client.is_server_compatible(major, minor, patch) {
        return Err(ConnectError::TooOld { found: client.server_info().version });
    }
    let context = ContextBuilder::new()
        .timeout(config.publish_timeout())
        .max_ack_inflight(config.publish_in_flight_max)
        .backpressure_on_inflight(true);
    let jetstream = match &config.domain {
        Some(domain) => context.domain(domain).build(client.clone()),
        None => context.build(client.clone()),
    };
    Ok(Bus { client, jetstream })
}

impl Bus {
    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// JetStream on the connection.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// Whether the connection stands now; a broker that hangs is noticed after two pings.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Resolves when the connection is lost. For a wait that would otherwise not end: the client reports nothing.
    pub async fn disconnected(&self) {
        while self.is_connected() {
            tokio::time::sleep(POLL * 5).await;
        }
    }

    /// Resolves when the connection stands.
    pub async fn connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends what is still buffered (acknowledgements) and closes, within two seconds. Do it last. Proved by
    /// `a_bus_without_its_broker_closes_in_time`.
    pub async fn close(&self) {
        const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
        let closing = async {
            self.client.flush().await.ok();
            self.client.drain().await.ok();
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            warn!("broker did not take the last acknowledgements; their events will come again");
        }
    }
}

async fn options(config: &config::Nats, name: &'static str) -> Result<ConnectOptions, ConnectError> {
    let mut options = ConnectOptions::new()
        .name(name)
        // An inbox of its own, so that permissions can keep services from reading one another's replies.
        .custom_inbox_prefix(format!("_INBOX_{name}"))
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(|attempt| {
            let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
            Duration::from_millis(50).saturating_mul(attempt).min(RECONNECT_DELAY_MAX)
        })
        .retry_on_initial_connect()
        .event_callback(|event| async move { log(&event) });
    if let Some(seed) = &config.nkey_seed {
        options = options.nkey(seed.expose().to_owned());
    }
    if let Some(token) = &config.token {
        options = options.token(token.expose().to_owned());
    }
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.expose().to_owned());
    }
    if let Some(file) = &config.credentials_file {
        options = options.credentials_file(file).await.map_err(|source| ConnectError::Setting {
            key: "nats.credentials_file",
            source: source.into(),
        })?;
    }
    tls(options, config)
}

fn tls(mut options: ConnectOptions, config: &config::Nats) -> Result<ConnectOptions, ConnectError> {
    let readable = |key, file: &PathBuf| {
        std::fs::metadata(file)
            .map(drop)
            .map_err(|source| ConnectError::Setting { key, source: source.into() })
    };
    if let Some(ca) = &config.tls_ca_file {
        readable("nats.tls_ca_file", ca)?;
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&config.tls_cert_file, &config.tls_key_file) {
        readable("nats.tls_cert_file", cert)?;
        readable("nats.tls_key_file", key)?;
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    if config.tls_first {
        options = options.tls_first();
    }
    Ok(options.require_tls(config.tls || config.tls_first))
}

/// A refused permission never reaches the caller that it concerns, only this place.
fn log(event: &Event) {
    match event {
        Event::Connected => info!("broker connected"),
        Event::Disconnected => warn!("broker disconnected"),
        Event::ServerError(problem) => error!(error = problem as &dyn Error, "broker reports an error"),
        Event::ClientError(problem) => warn!(error = %problem, "broker connection has an error"),
        other => info!(event = %other, "broker connection changed"),
    }
}
