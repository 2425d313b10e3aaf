//! Dead letters: the service that records them, and the audit of what was accepted.

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Consumer;

/// The service that records dead letters and audits the streams.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// Address of `/health`, `/livez`, `/readyz` and `/metrics`, such as `0.0.0.0:8085`.
    pub probe_listen: SocketAddr,
    /// The consumer of the broker's advisories.
    pub recorder: Consumer,
    /// Comparing what was accepted with what became of it.
    pub audit: Audit,
}

/// How the streams are audited.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// How often each stream is audited, milliseconds.
    pub interval_ms: u64,
    /// How old a message must be before an audit heals what is wrong with it, milliseconds.
    pub grace_ms: u64,
    /// Positions of one stream that one audit of the service passes, at most; the next one goes on.
    pub positions_max: u64,
    /// Messages of one stream that one audit reads one by one, at most.
    pub messages_max: u64,
    /// Hours after which an object that no message names is deleted.
    pub claim_orphan_hours: u64,
    /// Largest object that is copied into a dead letter, bytes.
    pub claim_max_bytes: usize,
}

impl Audit {
    /// How often each stream is audited.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// How old a message must be before it is healed.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    /// How old an object that no message names must be before it is deleted.
    pub fn claim_orphan(&self) -> Duration {
        Duration::from_hours(self.claim_orphan_hours)
    }
}
