//! How long what is settled is kept.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long what is settled is kept.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Whether the dead letter service removes what is old.
    pub enabled: bool,
    /// How often it does, minutes.
    pub interval_minutes: u64,
    /// Rows in one transaction, at most.
    pub batch_max: u64,
    /// Pause between two transactions, milliseconds.
    pub pause_ms: u64,
    /// Days after which bodies of completed events are removed from rows that stay; absent: they stay with the rows.
    pub bodies_days: Option<u64>,
    /// Days that ended replays are kept.
    pub replays_days: u64,
    /// Days that sessions of usage reports are kept after their last activity, and their queries.
    pub sessions_days: u64,
    /// Days that completed events are kept.
    pub completed_days: Days,
    /// Days that dead letters are kept.
    pub dead_letters_days: Days,
}

/// Days, by provider.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// Contact2Sale.
    pub c2s: u64,
    /// Instagram.
    pub instagram: u64,
    /// Bright Data.
    pub brightdata: u64,
    /// Usage reports.
    pub usage: u64,
}

impl Retention {
    /// How often what is old is removed.
    pub fn interval(&self) -> Duration {
        Duration::from_mins(self.interval_minutes)
    }
}

impl Days {
    /// The days of a provider.
    pub fn of(&self, provider: &str) -> u64 {
        match provider {
            "c2s" => self.c2s,
            "instagram" => self.instagram,
            "brightdata" => self.brightdata,
            _ => self.usage,
        }
    }
}
