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
    /// Failures in a row after which a destination rests.
    pub circuit_failures_max: u32,
    /// How long it rests then, milliseconds.
    pub circuit_rest_ms: u64,
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

    /// How long a destination rests that failed too often in a row.
    pub fn circuit_rest(&self) -> Duration {
        Duration::from_millis(self.circuit_rest_ms)
    }
}

/// Contact2Sale's API.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct C2sApi {
    /// Address of the API, such as `https://api.contact2sale.com/integration`.
    #[serde(serialize_with = "redact::text")]
    pub base_url: String,
    /// Token of our account.
    pub token: Option<Secret>,
    /// How long one call may take, milliseconds.
    pub timeout_ms: u64,
    /// Calls a minute of all replicas together.
    pub rate_per_minute: u32,
    /// Seconds without calls after a 429 that does not say how long to wait.
    pub rate_limit_wait_seconds: u64,
}

impl C2sApi {
    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long nothing is called after a 429 that does not say how long to wait.
    pub fn rate_limit_wait(&self) -> Duration {
        Duration::from_secs(self.rate_limit_wait_seconds)
    }
}

/// Enriching leads.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enricher {
    /// Whether leads are enriched.
    pub enabled: bool,
    /// Area code (DDD) of phone numbers that have none, such as `11`.
    pub default_area_code: Option<String>,
    /// How long after a call whose outcome is not known the lead is read, milliseconds.
    pub confirm_after_ms: u64,
    /// How long nothing is asked of a service that refuses our token or quota, seconds.
    pub pause_seconds: u64,
    /// Its consumer.
    pub consumer: crate::Consumer,
}

impl Enricher {
    /// How long after a call whose outcome is not known the lead is read.
    pub fn confirm_after(&self) -> Duration {
        Duration::from_millis(self.confirm_after_ms)
    }

    /// How long nothing is asked of a service that refuses our token or quota.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.pause_seconds)
    }
}

/// Taking in leads that no webhook brought.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct C2sPoll {
    /// Whether it is done by itself.
    pub enabled: bool,
    /// Minutes between two polls, of all replicas together.
    pub interval_minutes: u64,
    /// How far back a poll looks, minutes.
    pub lookback_minutes: u64,
    /// Pages of 50 leads that one poll reads, at most.
    pub pages_max: u32,
}

impl C2sPoll {
    /// Time between two polls.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_minutes.saturating_mul(60))
    }

    /// How far back a poll looks.
    pub fn lookback(&self) -> Duration {
        Duration::from_secs(self.lookback_minutes.saturating_mul(60))
    }
}

/// Who is asked about people.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Keys of the fingerprints by which a person is found; the first one is written with, all of them find.
    pub index_keys: List<Secret>,
    /// Days that a look-up is believed.
    pub cache_days: u32,
    /// The same for a CPF that nobody knew.
    pub unknown_cache_days: u32,
    /// Days after which the text of a message is removed here.
    pub message_days: u32,
    /// The Work API: people by CPF, and CPFs by phone.
    pub work: WorkApi,
    /// Diretrix: CPFs by phone or e-mail, and people by CPF.
    pub diretrix: Diretrix,
}

/// The Work API.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkApi {
    /// Address of the API, such as `https://completa.workbuscas.com/api`.
    #[serde(serialize_with = "redact::text")]
    pub base_url: String,
    /// Token of our account; absent: it is never asked.
    pub token: Option<Secret>,
    /// How long one call may take, milliseconds.
    pub timeout_ms: u64,
    /// Calls a minute of all replicas together.
    pub rate_per_minute: u32,
}

impl WorkApi {
    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Diretrix.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diretrix {
    /// Address of the API; absent: it is never asked.
    #[serde(serialize_with = "redact::optional")]
    pub base_url: Option<String>,
    /// User, with `password`.
    pub user: Option<String>,
    /// Password of `user`.
    pub password: Option<Secret>,
    /// How long one call may take, milliseconds.
    pub timeout_ms: u64,
    /// Calls a minute of all replicas together.
    pub rate_per_minute: u32,
}

impl Diretrix {
    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
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
