//! What the API speaks of.

use std::{fmt, str::FromStr};

use contract::brightdata::JobStatus;
use outbound::Body;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Id of a job and of what it brings. Opaque, but safe in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SnapshotId(String);

/// The text cannot be the id of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a snapshot, such as s_m4x7enmven8djfqak")]
pub struct NotASnapshotId;

impl SnapshotId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SnapshotId {
    type Err = NotASnapshotId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ID_MAX_LEN: usize = 128;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > ID_MAX_LEN || !text.bytes().all(is_word) {
            return Err(NotASnapshotId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Progress {
    /// Bright Data's word for it.
    pub status: String,
    /// Dataset.
    #[serde(default)]
    pub dataset_id: Option<String>,
    /// Records, once it is ready; a number in whatever spelling.
    #[serde(default)]
    pub records: Value,
    /// Inputs that failed.
    #[serde(default)]
    pub errors: Value,
    /// How long it collected, milliseconds.
    #[serde(default)]
    pub collection_duration: Value,
}

impl Progress {
    /// What its word means; `None`: a word that this version does not know.
    pub fn job_status(&self) -> Option<JobStatus> {
        self.status.parse().ok()
    }

    /// Records, where they are a number.
    pub fn record_count(&self) -> Option<i64> {
        count(&self.records)
    }

    /// Failed inputs, where they are a number.
    pub fn error_count(&self) -> Option<i64> {
        count(&self.errors)
    }
}

/// A number as Bright Data spells it: integer, float or text.
fn count(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// What the download of a snapshot begins with.
#[derive(Debug)]
pub enum Snapshot {
    /// The data, to be read.
    Ready(Body),
    /// Not yet.
    NotReady,
}

/// How far a delivery that we asked for is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Delivery {
    /// `done`, `canceled`, `failed`, or what it is doing.
    pub status: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_in_several_spellings() {
        for (value, expected) in
            [(json!(3), Some(3)), (json!("3"), Some(3)), (json!(null), None), (json!(3.5), None)]
        {
            let progress: Progress =
                serde_json::from_value(json!({ "status": "ready", "records": value, "new": 1 })).unwrap();
            assert_eq!(progress.record_count(), expected);
        }
    }

    #[test]
    fn an_id_is_safe_in_a_path() {
        for text in ["s_m4x7enmven8djfqak", "sd_1-A"] {
            assert_eq!(text.parse::<SnapshotId>().unwrap().as_str(), text);
        }
        for text in ["", "..", "a/b", "a?b", "a b", "é"] {
            assert_eq!(text.parse::<SnapshotId>(), Err(NotASnapshotId), "{text}");
        }
    }
}
