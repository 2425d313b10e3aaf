//! Bodies of one object: most are a record, some are no data at all.

use serde_json::{Map, Value};

/// What a body of one object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The older system's test body, `{"test":true,…}`.
    Test(Notice),
    /// A job's status, posted to the delivery's endpoint or to the notifications'.
    Notify(Notice),
    /// Says where the records are instead of bringing them.
    Reference(Notice),
    /// One record.
    Record,
}

/// What such a body says. All of it is optional, numbers may be text, and what is not of an expected type is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The job.
    pub snapshot_id: Option<String>,
    /// Its status in Bright Data's word, see [`JobStatus`](super::JobStatus).
    pub status: Option<String>,
    /// The dataset.
    pub dataset_id: Option<String>,
    /// The platform's word.
    pub platform: Option<String>,
    /// The kind's word.
    pub kind: Option<String>,
    /// Why it failed, as a code.
    pub error_code: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Records in the snapshot.
    pub records: Option<u64>,
    /// Error records in the snapshot.
    pub errors: Option<u64>,
    /// Where the records are.
    pub url: Option<String>,
}

impl Body {
    /// What the object is. On the `notifications`' endpoint whatever is no record is a notification.
    pub fn of(object: &str, notifications: bool) -> Self {
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(object) else { return Self::Record };
        let notice = Notice::of(&members);
        // Every record has its input or its address; no control body has one.
        let record_like = is_record_like(&members);
        match () {
            () if members.get("test").is_some_and(is_true) && !record_like => Self::Test(notice),
            () if notice.url.is_some() && !record_like => Self::Reference(notice),
            () if notifications && !record_like => Self::Notify(notice),
            () if notice.snapshot_id.is_some() && notice.status.is_some() && !record_like => {
                Self::Notify(notice)
            }
            () => Self::Record,
        }
    }
}

impl Notice {
    /// Reads a body; `None` when it is no JSON object.
    pub fn parse(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok().map(|members| Self::of(&members))
    }

    fn of(members: &Map<String, Value>) -> Self {
        let text = |name: &str| members.get(name).and_then(text);
        Self {
            snapshot_id: text("snapshot_id").or_else(|| text("collection_id")),
            status: text("status"),
            dataset_id: text("dataset_id"),
            platform: text("platform"),
            kind: text("kind"),
            error_code: text("error_code"),
            error: text("error").or_else(|| text("error_message")),
            records: members.get("records").and_then(count),
            errors: members.get("errors").and_then(count),
            url: text("result_url").or_else(|| text("file_url")),
        }
    }
}

/// Whether the members are some of a record's.
pub(super) fn is_record_like(members: &Map<String, Value>) -> bool {
    ["input", "url"].iter().any(|name| members.contains_key(*name))
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(is) => *is,
        Value::String(word) => word.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    }
}
