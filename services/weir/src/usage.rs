//! The reporting application's side of the edge: an HTTP client that posts as it does.

use anyhow::anyhow;
use config::{Secret, Settings};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    delivery::{Reply, client, endpoint},
    failure::Failure,
};

const PATH: &str = "/api/webhook/usage";

/// Where to send, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Address of the edge, or the endpoint's whole URL [default: this machine, at `edge.listen`].
    #[arg(long, env = "WEIR_EDGE_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Secret to send [default: the first of `edge.providers.usage.secrets`]. The shell's history and `ps` see it: prefer
    /// the setting.
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
}

/// How a delivery is authenticated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Auth {
    /// `Authorization: Bearer`.
    #[default]
    Bearer,
    /// `X-Webhook-Signature`.
    Signature,
}

/// The shape of a report.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub(crate) enum Sample {
    /// The older client's call.
    #[default]
    Flat,
    /// What the older client posted.
    Nested,
    /// A test: it is kept, and has no effects.
    Test,
}

impl Sample {
    /// So many reports of a session of their own.
    pub(crate) fn body(self, events: u32) -> String {
        let session = format!("weir-{}", Uuid::now_v7());
        let mut reports: Vec<_> = (0..events).map(|number| self.report(&session, number)).collect();
        match reports.pop() {
            Some(only) if reports.is_empty() => only,
            Some(last) => {
                reports.push(last);
                Value::Array(reports)
            }
            None => Value::Array(Vec::new()),
        }
        .to_string()
    }

    fn report(self, session: &str, number: u32) -> Value {
        let event_id = format!("{session}-{number}");
        match self {
            Self::Flat => json!({
                "session_id": session, "event_id": event_id, "query": "Test query", "model_name": "gpt-4o-mini",
                "response_time_ms": 1000, "estimated_tokens": 100, "success": true,
            }),
            Self::Nested => json!({
                "session_id": session, "event_id": event_id,
                "query": { "summary": "Test query", "category": "general", "estimated_complexity": 1 },
                "response": {
                    "model_used": "gpt-4", "response_time_ms": 1000, "estimated_tokens": 100, "success": true,
                },
                "user_agent": "weir",
            }),
            Self::Test => json!({ "test": true, "event_id": event_id, "message": "Health check from weir" }),
        }
    }
}

/// The endpoint, and the secret.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Client,
    endpoint: Url,
    secret: Secret,
}

impl Target {
    pub(crate) fn new(args: &TargetArgs, settings: &Settings) -> Result<Self, Failure> {
        let own = settings.edge.providers.get("usage").and_then(|usage| usage.secrets.first());
        let secret = args.secret.as_deref().map(Secret::from).or_else(|| own.cloned()).ok_or_else(|| {
            Failure::usage(anyhow!("there is no secret to send"))
                .hint("give --secret, or set WEIR_EDGE__PROVIDERS__USAGE__SECRETS")
        })?;
        let endpoint = endpoint(args.url.as_deref(), settings, PATH)?;
        Ok(Self { client: client()?, endpoint, secret })
    }

    /// The endpoint, without secrets.
    pub(crate) fn endpoint(&self) -> String {
        config::redact_userinfo(self.endpoint.as_str())
    }

    /// Posts with the right secret.
    pub(crate) async fn post(&self, body: String, auth: Auth) -> anyhow::Result<Reply> {
        self.post_as(body, Some((auth, &self.secret)), None).await
    }

    /// Posts with the right secret, under this idempotency key.
    pub(crate) async fn post_named(&self, body: String, key: &str) -> anyhow::Result<Reply> {
        self.post_as(body, Some((Auth::Bearer, &self.secret)), Some(key)).await
    }

    /// Posts with this secret, or none, under this idempotency key.
    pub(crate) async fn post_as(
        &self,
        body: String,
        credentials: Option<(Auth, &Secret)>,
        key: Option<&str>,
    ) -> anyhow::Result<Reply> {
        let mut request = self.client.post(self.endpoint.clone()).header("Content-Type", "application/json");
        request = match credentials {
            Some((Auth::Bearer, secret)) => request.bearer_auth(secret.expose()),
            Some((Auth::Signature, secret)) => {
                let signature = outbound::signature(secret, body.as_bytes())?;
                request.header("X-Webhook-Signature", signature)
            }
            None => request,
        };
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        Reply::to(request.body(body)).await
    }
}
