//! What differs between senders: endpoints, authentication, how a delivery splits into events, and the answer.
//!
//! To add a provider: one file below `provider/`, one line in [`KNOWN`].

mod brightdata;
mod c2s;
mod instagram;
mod usage;

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use config::{EdgeProvider, IpAddrOrNet};
use contract::{Code, code};

use crate::{
    error::Refusal, rate::ProviderLimit, secrets::Secrets, start::SettingError, streaming::Streaming,
};

/// Every provider, by its name in the settings.
const KNOWN: &[(&str, Build)] = &[
    (contract::stream::c2s::PROVIDER, c2s::provider),
    (contract::stream::instagram::PROVIDER, instagram::provider),
    (contract::stream::brightdata::PROVIDER, brightdata::provider),
    (contract::stream::usage::PROVIDER, usage::provider),
];

/// Makes a provider of its settings; [`Secrets`] are the same as in the settings, and known to be usable.
type Build = fn(Secrets, &EdgeProvider) -> Arc<dyn Provider>;

/// One outside system that sends to us.
pub(crate) trait Provider: Send + Sync + 'static {
    /// The stream that keeps its events.
    fn stream(&self) -> &'static str;

    /// Where it sends.
    fn endpoints(&self) -> &'static [Endpoint];

    /// What a GET on an endpoint with a [`Endpoint::handshake`] is answered, as plain text: how a sender makes sure that
    /// the endpoint is ours before it sends there.
    fn handshake(&self, _head: &Head<'_>) -> Result<String, Refusal> {
        Err(Refusal::MethodNotAllowed)
    }

    /// Decides by what came before the body, so that a stranger's body is never read; a scheme that signs the body says
    /// [`Verdict::AskBody`].
    fn authenticate_head(&self, head: &Head<'_>) -> Verdict;

    /// Decides by the raw bytes, when [`Self::authenticate_head`] could not.
    fn authenticate_body(&self, _head: &Head<'_>, _body: &[u8]) -> bool {
        false
    }

    /// Set when deliveries are too large to hold, and are taken apart while they arrive. The methods below are then
    /// never called.
    fn streaming(&self) -> Option<&dyn Streaming> {
        None
    }

    /// Cuts a delivery into events without copying it, and stops at the first event beyond `events_max`. `Err` refuses
    /// the delivery as a whole, with 400.
    fn split(&self, _head: &Head<'_>, _body: &Bytes, _events_max: usize) -> Result<Vec<Draft>, Code> {
        Err(code::INTERNAL)
    }

    /// What the sender is told once everything is durable: status and JSON.
    fn answer(&self, _tally: &Tally) -> Result<(StatusCode, String), Refusal> {
        Err(Refusal::Internal)
    }
}

/// A path on which a provider sends. It is served with and without a slash at the end, never by a redirect, which
/// senders do not follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    /// Without a slash at the end. Events carry it as their source.
    pub(crate) path: &'static str,
    /// Whether `path/<secret>` is served too, for senders that cannot set headers.
    pub(crate) secret_in_path: bool,
    /// Whether GET is served too, by [`Provider::handshake`].
    pub(crate) handshake: bool,
}

/// A request without its body.
pub(crate) struct Head<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The last part of the path, where the endpoint takes a secret there.
    pub(crate) path_secret: Option<&'a str>,
    /// Decoded pairs of the query.
    pub(crate) query: &'a [(String, String)],
}

/// What authentication says before the body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Authenticated.
    Allow,
    /// Nothing that came can authenticate it.
    Deny,
    /// The body decides.
    AskBody,
}

/// One event of a delivery, before it becomes a message.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The last part of its subject.
    pub(crate) token: &'static str,
    pub(crate) event_type: &'static str,
    /// What it is about: an account, a lead.
    pub(crate) subject: Option<String>,
    pub(crate) dedup_key: String,
    /// The provider's own word for what happened.
    pub(crate) action: Option<String>,
    /// Why it is not valid; it is kept all the same, as a dead letter.
    pub(crate) rejected: Option<Code>,
    /// Extension attributes of its envelope, by their names in [`contract::header::EXTENSIONS`].
    pub(crate) extensions: BTreeMap<&'static str, String>,
    /// The provider's own bytes.
    pub(crate) payload: Bytes,
}

/// What became of a delivery's events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) received: usize,
    /// New and durable.
    pub(crate) processed: usize,
    /// The stream had them.
    pub(crate) duplicates: usize,
    /// Invalid.
    pub(crate) rejected: usize,
    /// What was wrong with the first invalid one.
    pub(crate) first_problem: Option<Code>,
}

impl Tally {
    /// The counts as senders read them, in the order in which the older receiver wrote them: its callers may compare
    /// text.
    pub(crate) fn json(&self) -> String {
        #[derive(serde::Serialize)]
        struct Answer {
            status: &'static str,
            received: usize,
            processed: usize,
            duplicates: usize,
            #[serde(skip_serializing_if = "Option::is_none")]
            rejected: Option<NonZeroUsize>,
        }
        let Self { received, processed, duplicates, rejected, .. } = *self;
        let rejected = NonZeroUsize::new(rejected);
        serde_json::to_string(&Answer { status: "received", received, processed, duplicates, rejected })
            .expect("a word and numbers are always JSON")
    }
}

/// A provider with its settings.
pub(crate) struct Registered {
    pub(crate) name: &'static str,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) allowed_ips: Vec<IpAddrOrNet>,
    pub(crate) certificate_cn: Option<String>,
    pub(crate) limit: ProviderLimit,
    pub(crate) body_max_bytes: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) events_max: usize,
    /// How long making a delivery durable may take.
    pub(crate) answer_timeout: Duration,
    /// Bytes of one event that its stream takes, headers aside.
    pub(crate) event_max_bytes: usize,
    pub(crate) trust_traceparent: bool,
    pub(crate) secrets_len: usize,
}

impl Registered {
    pub(crate) fn stream(&self) -> &'static str {
        self.provider.stream()
    }

    fn new(name: &'static str, build: Build, settings: &EdgeProvider) -> Result<Self, SettingError> {
        /// Room for the headers beside an event's body; every one of them is bounded.
        const HEADERS_MAX_BYTES: usize = 4096;
        let key = |field: &str| format!("edge.providers.{name}.{field}");
        let secrets = Secrets::new(&settings.secrets).ok_or_else(|| {
            SettingError::new(
                key("secrets"),
                "is required while the provider is enabled, and no secret may be blank",
            )
        })?;
        let limit = ProviderLimit::new(settings.rate_per_minute, settings.rate_burst)
            .map_err(|zero| SettingError::new(key(zero.0), "must be at least 1"))?;
        let provider = build(secrets, settings);
        let stream_max = bus::Topology::embedded()
            .streams
            .get(provider.stream())
            .and_then(|stream| usize::try_from(stream.max_message_bytes).ok())
            .unwrap_or(usize::MAX);
        Ok(Self {
            name,
            provider,
            allowed_ips: settings.allowed_ips.to_vec(),
            certificate_cn: settings.client_certificate_cn.clone(),
            limit,
            body_max_bytes: settings.body_max_bytes,
            body_timeout: Duration::from_millis(settings.body_timeout_ms),
            events_max: settings.events_max,
            answer_timeout: Duration::from_millis(settings.answer_timeout_ms),
            event_max_bytes: stream_max.saturating_sub(HEADERS_MAX_BYTES),
            trust_traceparent: settings.trust_traceparent,
            secrets_len: settings.secrets.len(),
        })
    }
}

/// The enabled providers of the settings.
///
/// # Errors
/// One that nobody knows, or that lacks what it needs.
pub(crate) fn register(settings: &config::Edge) -> Result<Vec<Arc<Registered>>, SettingError> {
    let mut registered = Vec::new();
    for (name, provider) in &settings.providers {
        let Some((name, build)) = KNOWN.iter().copied().find(|(known, _)| known == name) else {
            let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
            let problem = format!("is no provider that this version knows ({})", known.join(", "));
            return Err(SettingError::new(format!("edge.providers.{name}"), problem));
        };
        if !provider.enabled {
            continue;
        }
        let can_see_certificates =
            !settings.tls_client_ca_files.is_empty() || settings.client_certificate_header.is_some();
        if provider.client_certificate_cn.is_some() && !can_see_certificates {
            let key = format!("edge.providers.{name}.client_certificate_cn");
            let problem =
                "needs edge.tls_client_ca_files or edge.client_certificate_header, or nobody could send";
            return Err(SettingError::new(key, problem));
        }
        registered.push(Arc::new(Registered::new(name, build, provider)?));
    }
    Ok(registered)
}

/// The token of `Bearer <token>`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}
