//! Sections of what calls other companies, and of the secrets that it keeps for that.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{IpAddrOrNet, List, Secret, redact};

/// Secrets at rest.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Keys `<id>:<base64 of 32 bytes>`; the first one seals, all of them open.
    pub keys: List<Secret>,
}

/// Calls to other companies.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Private addresses and networks that may be called all the same.
    pub allowed_networks: List<IpAddrOrNet>,
    /// How long connecting may take, milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one attempt may take, its answer included, milliseconds.
    pub timeout_ms: u64,
    /// How long a download may pause, milliseconds.
    pub idle_timeout_ms: u64,
    /// Bytes of an answer that are read, at most; downloads have their own limit.
    pub response_max_bytes: usize,
    /// Attempts of one call, the first one included.
    pub attempts_max: usize,
    /// First wait before a call is repeated, milliseconds; doubles with each attempt.
    pub retry_base_ms: u64,
    /// Longest such wait, milliseconds, whatever the other side asks for.
    pub retry_max_ms: u64,
}

impl Outbound {
    /// How long connecting may take.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long a download may pause.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }
}

/// Meta's Graph API.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphApi {
    /// Address of the API, such as `https://graph.instagram.com`.
    #[serde(serialize_with = "redact::text")]
    pub base_url: String,
    /// Version in every path, such as `v23.0`.
    pub version: String,
    /// Our app's id; finds our own entry where an account lists several apps.
    pub app_id: Option<String>,
    /// App secret that calls are proved with (`appsecret_proof`); absent: no proof is sent.
    pub app_secret: Option<Secret>,
    /// Prove each call for five minutes only (`appsecret_time`).
    pub appsecret_time: bool,
    /// Percentage of a rate limit at which calls pause until it recovers.
    pub usage_stop_percent: u32,
    /// Minutes without a webhook after which a check subscribes the account again.
    pub silence_minutes: u64,
}

impl GraphApi {
    /// How long an account may be silent.
    pub fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_minutes.saturating_mul(60))
    }
}

/// Bright Data's API.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrightDataApi {
    /// Address of the API, such as `https://api.brightdata.com`.
    #[serde(serialize_with = "redact::text")]
    pub base_url: String,
    /// API key.
    pub key: Option<Secret>,
    /// Where Bright Data reaches the edge, such as `https://hooks.example.com`.
    #[serde(serialize_with = "redact::optional")]
    pub public_url: Option<String>,
    /// Minutes after a job is ready without data before its delivery counts as lost.
    pub lost_after_minutes: u64,
    /// Bytes of one snapshot that are downloaded, at most.
    pub download_max_bytes: u64,
}

impl BrightDataApi {
    /// How long a delivery may take after its job is ready.
    pub fn lost_after(&self) -> Duration {
        Duration::from_secs(self.lost_after_minutes.saturating_mul(60))
    }
}
