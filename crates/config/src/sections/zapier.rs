//! Usage reports: the service that stores them and sends them on.

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Consumer, Secret};

/// The service that stores usage reports and sends them on.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zapier {
    /// Address of `/health`, `/livez`, `/readyz` and `/metrics`, such as `0.0.0.0:8084`.
    pub probe_listen: SocketAddr,
    /// The consumer that stores sessions.
    pub sessions: Consumer,
    /// The consumer that hands events to the hooks.
    pub dispatcher: Consumer,
    /// The first hook, which the settings give.
    pub hook: Hook,
    /// How events are delivered to hooks.
    pub delivery: HookDelivery,
}

/// A hook as the settings give it; further ones are rows that `weir zapier hooks` keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Where it is, such as `https://hooks.zapier.com/hooks/catch/1234567/abcdefg/`: whoever knows it can send there.
    pub url: Option<Secret>,
    /// Whether anything is sent there.
    pub enabled: bool,
    /// Secret that signs what is sent.
    pub secret: Option<Secret>,
    /// Header of the older signature.
    pub signature_header: String,
    /// Algorithm of the older signature.
    pub signature_algorithm: SignatureAlgorithm,
    /// Events per window.
    pub rate_count: u32,
    /// The window, seconds.
    pub rate_window_seconds: u64,
    /// Of these so many at once after a pause.
    pub rate_burst: u32,
    /// Attempts at one event, the first one included.
    pub attempts_max: u32,
    /// How long one attempt may take, milliseconds.
    pub timeout_ms: u64,
    /// First wait before an event is sent again, milliseconds; doubles with each attempt.
    pub retry_base_ms: u64,
    /// Longest such wait, milliseconds.
    pub retry_max_ms: u64,
}

impl Hook {
    /// The window of its limit.
    pub fn rate_window(&self) -> Duration {
        Duration::from_secs(self.rate_window_seconds)
    }
}

/// Algorithm of the older signature header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureAlgorithm {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA1, for receivers that know no other.
    Sha1,
}

impl SignatureAlgorithm {
    /// The word for it, which is before the digits in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
        }
    }
}

/// How events are delivered to hooks.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookDelivery {
    /// Refuse hooks on plain HTTP, this machine and bare addresses excepted.
    pub require_https: bool,
    /// Hooks, at most.
    pub hooks_max: u32,
    /// Attempts of one process at one hook at one time.
    pub concurrency: usize,
    /// Events that wait for one hook, at most; above it the excess waits on the stream.
    pub backlog_max: u64,
    /// How often hooks and what is due are looked for, milliseconds.
    pub poll_ms: u64,
    /// Seconds that nothing is sent to a hook after a 429 that does not say how long to wait.
    pub throttled_seconds: u64,
    /// Longest that a hook's `Retry-After` is obeyed, seconds.
    pub retry_after_max_seconds: u64,
}

impl HookDelivery {
    /// How often hooks and what is due are looked for.
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    /// How long nothing is sent to a hook after a 429 that does not say how long to wait.
    pub fn throttled(&self) -> Duration {
        Duration::from_secs(self.throttled_seconds)
    }

    /// Longest that a hook's `Retry-After` is obeyed.
    pub fn retry_after_max(&self) -> Duration {
        Duration::from_secs(self.retry_after_max_seconds)
    }
}
