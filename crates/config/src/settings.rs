//! The whole tree, and what is known about where its values came from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    BrightData, C2s, DeadLetters, Edge, Instagram, Lifecycle, Log, Nats, Origin, Outbound, People, Postgres,
    Retention, Seal, Telemetry, Zapier, key,
};

/// The settings of every Weir process.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Log output.
    pub log: Log,
    /// OpenTelemetry export.
    pub telemetry: Telemetry,
    /// The broker.
    pub nats: Nats,
    /// The database.
    pub postgres: Postgres,
    /// Start and stop of a process.
    pub lifecycle: Lifecycle,
    /// The edge.
    pub edge: Edge,
    /// The service that stores Contact2Sale leads.
    pub c2s: C2s,
    /// Instagram.
    pub instagram: Instagram,
    /// Bright Data.
    pub brightdata: BrightData,
    /// The service that stores usage reports and sends them on.
    pub zapier: Zapier,
    /// Who is asked about people.
    pub people: People,
    /// Dead letters, and the audit of what was accepted.
    pub dead_letters: DeadLetters,
    /// How long what is settled is kept.
    pub retention: Retention,
    /// Calls to other companies.
    pub outbound: Outbound,
    /// Secrets at rest.
    pub seal: Seal,
    #[serde(skip)]
    pub(crate) origins: BTreeMap<String, Origin>,
    #[serde(skip)]
    pub(crate) notices: Vec<String>,
}

/// One setting as it is in effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// `edge.listen`.
    pub key: String,
    /// Redacted where it is a secret; null where it is absent.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

impl Settings {
    /// The embedded defaults alone: no file, no environment, no checks.
    pub fn for_tests() -> Self {
        toml::from_str(crate::DEFAULTS).expect("the embedded defaults are complete")
    }

    /// What the operator should hear once the log is up: old names in use, names that have no effect, settings that
    /// contradict each other without being wrong.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Every setting as it is in effect, redacted, with its origin, by path.
    pub fn entries(&self) -> Vec<Entry> {
        let tree = serde_json::to_value(self).expect("settings are plain data");
        let entry = |key: &key::Key| Entry {
            key: key.path.clone(),
            value: key
                .path
                .split('.')
                .try_fold(&tree, |node, name| node.get(name))
                .cloned()
                .unwrap_or_default(),
            origin: self.origins.get(&key.path).cloned().unwrap_or(Origin::Default),
        };
        key::all().iter().map(entry).collect()
    }
}
