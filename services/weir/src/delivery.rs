//! A delivery to the edge as any provider makes it: where to, with which client, and what comes back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use config::Settings;
use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What providers are believed to wait for an answer, at most.
const TIMEOUT: Duration = Duration::from_secs(10);

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
    /// Sends, and reads the answer.
    pub(crate) async fn to(request: RequestBuilder) -> anyhow::Result<Self> {
        let started = Instant::now();
        // The URL may hold a secret, so it must not be part of the error.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(reqwest::Error::without_url)?;
        Ok(Self { status, body, latency: started.elapsed() })
    }

    /// The counts, if it is an answer of ours. Of a delivery that was taken apart, what is counted are its parts.
    pub(crate) fn counts(&self) -> Option<Counts> {
        #[derive(Deserialize)]
        struct TakenApart {
            parts: u64,
            duplicates: u64,
            rejected: u64,
        }
        let parts = || {
            let TakenApart { parts, duplicates, rejected } = serde_json::from_str(&self.body).ok()?;
            let received = parts.max(duplicates) + rejected;
            Some(Counts { received, processed: parts.saturating_sub(duplicates), duplicates, rejected })
        };
        serde_json::from_str(&self.body).ok().or_else(parts)
    }

    pub(crate) fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

/// Where to send: what was given, else the edge on this machine; `path` unless a whole endpoint was given.
pub(crate) fn endpoint(given: Option<&str>, settings: &Settings, path: &str) -> Result<Url, Failure> {
    let base = given.filter(|url| !url.is_empty()).map_or_else(|| edge_url(settings), str::to_owned);
    let is_http = |url: &Url| ["http", "https"].contains(&url.scheme());
    let mut endpoint: Url =
        base.parse().ok().filter(is_http).ok_or_else(|| {
            Failure::usage(anyhow!("--url: expected a URL such as https://hooks.example.com"))
        })?;
    if endpoint.path() == "/" {
        endpoint.set_path(path);
    }
    Ok(endpoint)
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
