//! Usage reports: what an application says of each query that it put to a language model. The shapes are the flat one of
//! the older client's call and the nested one that it posted.

mod derive;
mod outgoing;
mod reading;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::{Code, code, json, lenient};

pub use derive::{Category, complexity, model_family, summary};
pub use outgoing::{Form, Outgoing};
pub use reading::Usage;

/// `ce-type` of a usage report.
pub const EVENT_TYPE: &str = "usage.query.reported";
/// `ce-type` of what is kept for the record only.
pub const REJECTED_TYPE: &str = "usage.query.rejected";
/// Last token of the subject.
pub const TOKEN: &str = "event";

/// Longest key of the sender's that is used as it is; a longer one is digested.
const KEY_MAX_BYTES: usize = 200;

/// One report, cut out of a delivery and understood as far as the edge needs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent<'a> {
    /// The sender's bytes of this event alone.
    pub body: &'a str,
    /// The session; none in a probe of the endpoint.
    pub session_id: Option<String>,
    /// The sender's own id of the event.
    pub event_id: Option<String>,
    /// Whether it says of itself that it is a test. Tests are kept, and have no effects.
    pub is_test: bool,
}

impl UsageEvent<'_> {
    /// Equal for every repeat of the event.
    ///
    /// What the sender calls it decides: `delivery_key` (an idempotency header; `index` is there when the delivery holds
    /// several events), or the id in its body. Without either the content does, its timestamp left out, within one clock
    /// hour. Proved by `a_repeat_is_known_by_its_name_and_else_by_its_content_for_an_hour`.
    pub fn dedup_key(
        &self,
        delivery_key: Option<&str>,
        index: Option<usize>,
        received_at: OffsetDateTime,
    ) -> String {
        match (delivery_key, index, &self.event_id) {
            (Some(key), None, _) => format!("usage:{}", short(key)),
            (_, _, Some(id)) => format!("usage:{}", short(id)),
            (Some(key), Some(index), None) => format!("usage:{}:{index}", short(key)),
            (None, _, None) => {
                let hour = received_at.unix_timestamp() / 3_600;
                format!("usage:content:{}:{hour}", digest(&without_timestamp(self.body)))
            }
        }
    }
}

/// An element of a delivery that is no valid report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Its bytes.
    pub body: &'a str,
    /// What is wrong.
    pub code: Code,
}

impl Rejected<'_> {
    /// Equal for every repeat of the same bytes.
    pub fn dedup_key(&self) -> String {
        format!("usage:rejected:{}", digest(self.body))
    }
}

/// Cuts a delivery into its events, one by one: an object, an array of objects, or either inside `events` or `data`.
///
/// # Errors
/// [`code::MALFORMED`] for what is not JSON or nests too deeply, [`code::UNEXPECTED_SHAPE`] for what is neither object
/// nor array. An empty array is a delivery of no events.
pub fn events(body: &str) -> Result<impl Iterator<Item = Result<UsageEvent<'_>, Rejected<'_>>>, Code> {
    if json::is_too_deep(body) {
        return Err(code::MALFORMED);
    }
    let whole: &RawValue = serde_json::from_str(body).map_err(|_| code::MALFORMED)?;
    let whole = inner(whole.get()).unwrap_or_else(|| whole.get());
    let (one, several) = match whole.as_bytes().first() {
        Some(b'[') => (None, whole),
        Some(b'{') => (Some(whole), ""),
        _ => return Err(code::UNEXPECTED_SHAPE),
    };
    Ok(one.into_iter().chain(json::elements(several)).map(event))
}

/// What an envelope around the events holds; an object that is an event itself is none.
fn inner(whole: &str) -> Option<&str> {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        session_id: Option<serde::de::IgnoredAny>,
        #[serde(borrow)]
        events: Option<&'a RawValue>,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    let outer: Outer<'_> = serde_json::from_str(whole).ok()?;
    if outer.session_id.is_some() {
        return None;
    }
    let inner = outer.events.or(outer.data)?.get();
    inner.starts_with(['[', '{']).then_some(inner)
}

fn event(body: &str) -> Result<UsageEvent<'_>, Rejected<'_>> {
    let reject = |code| Rejected { body, code };
    let value = lenient::parse(body).filter(serde_json::Value::is_object);
    let value = value.ok_or_else(|| reject(code::UNEXPECTED_SHAPE))?;
    let event = UsageEvent {
        body,
        session_id: lenient::id(&value, "session_id"),
        event_id: lenient::id(&value, "event_id").or_else(|| lenient::id(&value, "id")),
        is_test: lenient::flag(&value, "test"),
    };
    if event.session_id.is_none() && !event.is_test {
        return Err(reject(code::MISSING_SESSION_ID));
    }
    Ok(event)
}

/// The event in one spelling, without what differs between two tellings of it.
fn without_timestamp(body: &str) -> String {
    let members = serde_json::from_str::<std::collections::BTreeMap<String, &RawValue>>(body);
    let Ok(mut members) = members else { return json::canonical(body) };
    members.remove("timestamp");
    serde_json::to_string(&members).map_or_else(|_| json::canonical(body), |text| json::canonical(&text))
}

fn short(key: &str) -> String {
    if key.len() > KEY_MAX_BYTES { digest(key) } else { key.to_owned() }
}

fn digest(text: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.truncate(32);
    digest
}

#[cfg(test)]
mod tests;
