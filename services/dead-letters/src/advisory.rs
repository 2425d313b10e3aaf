//! What the broker says when it gives up on a message.

use anyhow::anyhow;
use consumer::Failure;
use contract::{code, stream};
use serde::Deserialize;
use time::OffsetDateTime;

const MAX_DELIVERIES: &str = "io.nats.jetstream.advisory.v1.max_deliver";
const TERMINATED: &str = "io.nats.jetstream.advisory.v1.terminated";
/// The server's own words for a message that was purged, or expired, in a consumer's hands.
const DELETED: &str = "Unacknowledged message was deleted";
/// Longest word that is taken for a code.
const CODE_MAX_BYTES: usize = 64;

/// One advisory, as the server writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    stream: String,
    consumer: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u64,
    #[serde(default)]
    reason: Option<String>,
}

/// What an advisory is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Advisory {
    /// A consumer of events lost a message.
    GaveUp(GaveUp),
    /// Something else in the same account, or our own consumer of advisories.
    Foreign,
}

/// A message that a consumer will not be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GaveUp {
    pub(crate) provider: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) consumer: String,
    pub(crate) sequence: u64,
    pub(crate) deliveries: u64,
    pub(crate) at: OffsetDateTime,
    pub(crate) code: String,
    pub(crate) error: String,
}

/// Reads an advisory.
///
/// # Errors
/// [`Failure::Dead`]: it is none. The audit finds what it was about.
pub(crate) fn read(payload: &[u8]) -> Result<Advisory, Failure> {
    let malformed = |source: anyhow::Error| Failure::Dead { code: code::MALFORMED, source };
    let raw: Raw = serde_json::from_slice(payload).map_err(|error| malformed(error.into()))?;
    let Some((provider, stream)) = stream::of_name(&raw.stream) else { return Ok(Advisory::Foreign) };
    let (code, error) = match (raw.kind.as_str(), raw.reason.as_deref()) {
        (MAX_DELIVERIES, _) => (
            code::ATTEMPTS_EXHAUSTED.as_str().to_owned(),
            format!("the broker gave up after {} deliveries", raw.deliveries),
        ),
        (TERMINATED, Some(DELETED)) => {
            (code::MESSAGE_LOST.as_str().to_owned(), "the stream lost it before it was done".to_owned())
        }
        (TERMINATED, Some(word)) if is_code(word) => {
            (word.to_owned(), "terminated by its consumer".to_owned())
        }
        (TERMINATED, reason) => {
            let reason = reason.unwrap_or("terminated without a reason");
            (code::TERMINATED.as_str().to_owned(), reason.to_owned())
        }
        (kind, _) => return Err(malformed(anyhow!("unknown advisory {kind}"))),
    };
    Ok(Advisory::GaveUp(GaveUp {
        provider,
        stream,
        consumer: raw.consumer,
        sequence: raw.stream_seq,
        deliveries: raw.deliveries,
        at: raw.timestamp,
        code,
        error,
    }))
}

/// Whether a reason is one of our own: a consumer terminates with its verdict's code.
fn is_code(word: &str) -> bool {
    word.len() <= CODE_MAX_BYTES
        && word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gave_up(json: &str) -> GaveUp {
        match read(json.as_bytes()).unwrap() {
            Advisory::GaveUp(gave_up) => gave_up,
            Advisory::Foreign => panic!("foreign"),
        }
    }

    #[test]
    fn the_servers_own_advisories_are_read() {
        let exhausted = gave_up(
            r#"{"type":"io.nats.jetstream.advisory.v1.max_deliver","id":"GE7oxjr3tREvMfmJDopbYr",
            "timestamp":"2026-11-22T05:08:07.859291628Z","stream":"C2S","consumer":"c2s-leads","stream_seq":7,"deliveries":5}"#,
        );
        assert_eq!((exhausted.provider, exhausted.sequence, exhausted.deliveries), ("c2s", 7, 5));
        assert_eq!(exhausted.code, "attempts_exhausted");
        for (reason, code) in [
            (r#""missing_updated_at""#, "missing_updated_at"),
            (r#""Unacknowledged message was deleted""#, "message_lost"),
            (r#""bad payload: missing field lead_id""#, "terminated"),
            ("null", "terminated"),
        ] {
            let terminated = gave_up(&format!(
                r#"{{"type":"io.nats.jetstream.advisory.v1.terminated","id":"x","timestamp":"2026-11-22T05:08:07Z",
                "stream":"C2S","consumer":"c2s-leads","consumer_seq":2,"stream_seq":2,"deliveries":1,"reason":{reason},
                "domain":"hub"}}"#
            ));
            assert_eq!(terminated.code, code);
        }
    }

    #[test]
    fn what_is_not_about_an_event_is_left_alone() {
        let own = r#"{"type":"io.nats.jetstream.advisory.v1.terminated","timestamp":"2026-11-22T05:08:07Z",
            "stream":"ADVISORIES","consumer":"dead-letters","stream_seq":2,"reason":"malformed"}"#;
        assert_eq!(read(own.as_bytes()).unwrap(), Advisory::Foreign);
        assert!(read(b"{}").is_err());
        assert!(read(b"\xff").is_err());
    }
}
