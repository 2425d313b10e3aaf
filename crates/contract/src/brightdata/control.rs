//! Bodies of one object: most are a record, some are no data at all.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Longer texts are no words about a job.
const TEXT_MAX_BYTES: usize = 16 * 1024;

/// Members of which a wrapper has at least one, unless `data` is its first. A record may have a member `data` too.
const ABOUT_RECORDS: [&str; 5] = ["snapshot_id", "collection_id", "dataset_id", "platform", "status"];

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
    /// Whether it calls itself a test.
    pub is_test: bool,
}

impl Body {
    /// What the object is. On the `notifications`' endpoint whatever is no record is a notification.
    pub fn of(object: &str, notifications: bool) -> Self {
        let Some(Members { notice, is_record_like: false, .. }) = Members::parse(object) else {
            return Self::Record;
        };
        match () {
            () if notice.is_test => Self::Test(notice),
            () if notice.url.is_some() => Self::Reference(notice),
            () if notifications => Self::Notify(notice),
            () if notice.snapshot_id.is_some() && notice.status.is_some() => Self::Notify(notice),
            () => Self::Record,
        }
    }
}

impl Notice {
    /// Reads a body; `None` when it is no JSON object.
    pub fn parse(body: &str) -> Option<Self> {
        Members::parse(body).map(|members| members.notice)
    }
}

/// Members of an object, as far as we have a word for them. The others are passed over and not held: an object may be as
/// large as a record (`a_control_body_is_read_without_holding_the_rest_of_it`).
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) notice: Notice,
    /// It has a member that every record has, and no control body: its input, or its address.
    pub(super) is_record_like: bool,
    /// It has one of [`ABOUT_RECORDS`].
    pub(super) is_about_records: bool,
    pub(super) is_empty: bool,
}

impl Members {
    /// `None` for what is no JSON object.
    pub(super) fn parse(object: &str) -> Option<Self> {
        serde_json::from_str(object).ok()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// Of members that stand there twice, the last one that says something counts.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members { is_empty: true, ..Members::default() };
        let (mut collection_id, mut error_message, mut file_url) = (None, None, None);
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            members.is_empty = false;
            members.is_about_records |= ABOUT_RECORDS.contains(&name.as_ref());
            let notice = &mut members.notice;
            let word = match name.as_ref() {
                "snapshot_id" => &mut notice.snapshot_id,
                "collection_id" => &mut collection_id,
                "status" => &mut notice.status,
                "dataset_id" => &mut notice.dataset_id,
                "platform" => &mut notice.platform,
                "kind" => &mut notice.kind,
                "error_code" => &mut notice.error_code,
                "error" => &mut notice.error,
                "error_message" => &mut error_message,
                "result_url" => &mut notice.url,
                "file_url" => &mut file_url,
                "records" => {
                    notice.records = count(map.next_value()?).or(notice.records);
                    continue;
                }
                "errors" => {
                    notice.errors = count(map.next_value()?).or(notice.errors);
                    continue;
                }
                "test" => {
                    notice.is_test |= is_true(map.next_value()?);
                    continue;
                }
                other => {
                    members.is_record_like |= matches!(other, "input" | "url");
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *word = text(map.next_value()?).or_else(|| word.take());
        }
        let Notice { snapshot_id, error, url, .. } = &mut members.notice;
        *snapshot_id = snapshot_id.take().or(collection_id);
        *error = error.take().or(error_message);
        *url = url.take().or(file_url);
        Ok(members)
    }
}

fn is_true(value: &RawValue) -> bool {
    value.get() == "true" || text(value).is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

/// Text, or a number as it is written.
fn text(value: &RawValue) -> Option<String> {
    let raw = value.get();
    let text = match raw.as_bytes().first()? {
        _ if raw.len() > TEXT_MAX_BYTES => return None,
        b'"' => serde_json::from_str::<String>(raw).ok()?,
        b'-' | b'0'..=b'9' => raw.to_owned(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn count(value: &RawValue) -> Option<u64> {
    text(value)?.parse().ok()
}
