//! Contact2Sale's side of the edge: an HTTP client that posts as C2S does. And `weir c2s`, our side of their API.

mod enrichments;
mod poll;
mod sample;
mod verb;

use std::time::Duration;

use anyhow::anyhow;
use config::{Secret, Settings};
use reqwest::{Client, Url};

use crate::{
    delivery::{Reply, client, endpoint},
    failure::Failure,
};

pub(crate) use sample::{Sample, Subject};
pub(crate) use verb::{Verb, run};

const WAIT: Duration = Duration::from_secs(5);
const PATH: &str = "/api/v1/webhooks/c2s";
const TOKEN_HEADER: &str = "X-Webhook-Token";

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

impl Target {
    pub(crate) fn new(args: &TargetArgs, settings: &Settings) -> Result<Self, Failure> {
        let own = settings.edge.providers.get("c2s").and_then(|c2s| c2s.secrets.first());
        let secret = args.secret.as_deref().map(Secret::from).or_else(|| own.cloned()).ok_or_else(|| {
            Failure::usage(anyhow!("there is no secret to send"))
                .hint("give --secret, or set WEIR_EDGE__PROVIDERS__C2S__SECRETS (or WEBHOOK_SECRET)")
        })?;
        let endpoint = endpoint(args.url.as_deref(), settings, PATH)?;
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
        Reply::to(request).await
    }
}
