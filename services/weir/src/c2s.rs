//! Contact2Sale's side of the edge: an HTTP client that posts as C2S does.

mod sample;

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use config::{Secret, Settings};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

pub(crate) use sample::{Sample, Subject};

const PATH: &str = "/api/v1/webhooks/c2s";
const TOKEN_HEADER: &str = "X-Webhook-Token";
/// What C2S itself is believed to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where to send, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Address of the edge, or the endpoint's whole URL [default: this machine, at `edge.listen`].
    #[arg(long, env = "WEIR_EDGE_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Secret to send [default: the first of `edge.providers.c2s.secrets`]. The shell's history and `ps` see it: prefer
    /// the setting.
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
}

/// Where the secret travels; C2S itself can only set the URL.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub(crate) enum Place {
    /// `X-Webhook-Token`.
    #[default]
    Header,
    /// `?token=`.
    Query,
    /// The last part of the path.
    Path,
}

/// The endpoint, and the credentials to send.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Client,
    endpoint: Url,
    secret: Secret,
}

/// What the edge answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The body's text.
    pub(crate) body: String,
    #[serde(skip)]
    pub(crate) latency: Duration,
}

/// The counts of a 200.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) processed: u64,
    pub(crate) duplicates: u64,
    #[serde(default)]
    pub(crate) rejected: u64,
}

impl Reply {
    /// The counts, if it is an answer of ours.
    pub(crate) fn counts(&self) -> Option<Counts> {
        serde_json::from_str(&self.body).ok()
    }

    pub(crate) fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

impl Target {
    pub(crate) fn new(args: &TargetArgs, settings: &Settings) -> Result<Self, Failure> {
        let own = settings.edge.providers.get("c2s").and_then(|c2s| c2s.secrets.first());
        let secret = args.secret.as_deref().map(Secret::from).or_else(|| own.cloned()).ok_or_else(|| {
            Failure::usage(anyhow!("there is no secret to send"))
                .hint("give --secret, or set WEIR_EDGE__PROVIDERS__C2S__SECRETS (or WEBHOOK_SECRET)")
        })?;
        let given = args.url.clone().filter(|url| !url.is_empty());
        let base = given.unwrap_or_else(|| edge_url(settings));
        let mut endpoint: Url =
            base.parse().ok().filter(|url: &Url| ["http", "https"].contains(&url.scheme())).ok_or_else(
                || Failure::usage(anyhow!("--url: expected a URL such as https://hooks.example.com")),
            )?;
        if endpoint.path() == "/" {
            endpoint.set_path(PATH);
        }
        Ok(Self { client: client()?, endpoint, secret })
    }

    /// The endpoint, without secrets.
    pub(crate) fn endpoint(&self) -> String {
        config::redact_userinfo(self.endpoint.as_str())
    }

    /// Posts with the right secret.
    pub(crate) async fn post(&self, body: String, place: Place) -> anyhow::Result<Reply> {
        match place {
            Place::Header => self.post_with(body, Some(self.secret.expose())).await,
            Place::Query => {
                let mut url = self.endpoint.clone();
                url.query_pairs_mut().append_pair("token", self.secret.expose());
                self.send(url, body, None).await
            }
            Place::Path => {
                let mut url = self.endpoint.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push(self.secret.expose());
                }
                self.send(url, body, None).await
            }
        }
    }

    /// Posts with this header, or none.
    pub(crate) async fn post_with(&self, body: String, token: Option<&str>) -> anyhow::Result<Reply> {
        self.send(self.endpoint.clone(), body, token).await
    }

    async fn send(&self, url: Url, body: String, token: Option<&str>) -> anyhow::Result<Reply> {
        let mut request = self.client.post(url).header("Content-Type", "application/json").body(body);
        if let Some(token) = token {
            request = request.header(TOKEN_HEADER, token);
        }
        let started = Instant::now();
        // The URL may hold the secret, so it must not be part of the error.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(reqwest::Error::without_url)?;
        Ok(Reply { status, body, latency: started.elapsed() })
    }
}

/// The edge on this machine, as the settings say that it listens.
pub(crate) fn edge_url(settings: &Settings) -> String {
    let scheme = if settings.edge.tls_cert_file.is_some() { "https" } else { "http" };
    let mut address = settings.edge.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("{scheme}://{address}")
}

/// An HTTP client that follows no redirect: a provider would not either.
pub(crate) fn client() -> anyhow::Result<Client> {
    // Another call may have installed it before, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("cannot make an HTTP client")
}
