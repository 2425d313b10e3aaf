//! The envelope of an event: CloudEvents 1.0 in the NATS binding's binary mode, plus the few headers of our own.
//! (`CloudEvents`: NATS protocol binding 1.0.3-wip, section 3.)

use std::{collections::BTreeMap, fmt, str::FromStr};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{Replay, header};

/// Id of one event, for its whole life: on the stream, in the ledger, in traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// A new id: UUIDv7, so that ids sort by the time they were made and index pages stay warm.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of a message that carries none, made from where it lies, so that every redelivery gets the same one.
    /// `position` must name the stream, the place, and when it came there: a stream made anew counts from one again.
    pub fn of_stream_position(position: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("nats:{position}").as_bytes()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What is known of an event without reading its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ce-id`.
    pub id: EventId,
    /// `ce-source`: the path of the endpoint that received it.
    pub source: String,
    /// `ce-type`: `<provider>.<noun>.<verb>`.
    pub event_type: String,
    /// `ce-subject`: what the event is about, when the provider names it.
    pub subject: Option<String>,
    /// `ce-time`: when the edge received it.
    pub time: OffsetDateTime,
    /// `ce-datacontenttype`.
    pub content_type: String,
    /// `Nats-Msg-Id`: equal for every repeat of the same event.
    pub dedup_key: String,
    /// The delivery (HTTP request) that it came in.
    pub delivery_id: Option<Uuid>,
    /// The provider's own word for what happened.
    pub action: Option<String>,
    /// Set when the edge found the event invalid and stored it for the record only.
    pub rejected: Option<crate::Code>,
    /// The event that this one replays.
    pub replayed_from: Option<Replay>,
    /// CloudEvents extension attributes, by their name in [`header::EXTENSIONS`]; others do not travel.
    pub extensions: BTreeMap<&'static str, String>,
}

/// Why a message is not an event of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// A required header is absent.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header is there and means nothing.
    #[error("header {0} is invalid")]
    Invalid(&'static str),
}

impl Envelope {
    /// The headers of the message, without trace context. Values are percent-encoded as the binding says, so no value
    /// can hold a line break. Proved by `any_envelope_survives_its_headers`.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (header::CE_ID, self.id.to_string()),
            (header::CE_SOURCE, encode(&self.source)),
            (header::CE_SPECVERSION, "1.0".to_owned()),
            (header::CE_TYPE, encode(&self.event_type)),
            (header::CE_TIME, self.time.format(&Rfc3339).unwrap_or_default()),
            (header::CE_DATACONTENTTYPE, encode(&self.content_type)),
            (header::NATS_MSG_ID, encode(&self.dedup_key)),
        ];
        let optional = [
            (header::CE_SUBJECT, self.subject.as_deref().map(encode)),
            (header::DELIVERY_ID, self.delivery_id.map(|id| id.to_string())),
            (header::ACTION, self.action.as_deref().map(encode)),
            (header::REJECTED, self.rejected.map(|code| code.to_string())),
        ];
        headers.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        headers.extend(self.replayed_from.into_iter().flat_map(Replay::headers));
        let extension =
            |(name, header): &(&str, &'static str)| Some((*header, encode(self.extensions.get(name)?)));
        headers.extend(header::EXTENSIONS.iter().filter_map(extension));
        headers
    }

    /// The envelope of a message that carries none, made from where it lies. Its key is its position, not what it calls
    /// itself: a stranger must not take the key of an event of ours.
    pub fn unknown(stream: &str, sequence: u64, published: OffsetDateTime) -> Self {
        let position = format!("{stream}:{sequence}:{}", published.unix_timestamp_nanos());
        Self {
            id: EventId::of_stream_position(&position),
            source: "unknown".to_owned(),
            event_type: "unknown".to_owned(),
            subject: None,
            time: published,
            content_type: "application/octet-stream".to_owned(),
            dedup_key: position,
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Reads the envelope from a message's headers.
    ///
    /// # Errors
    /// Names the first required header that is missing or means nothing.
    pub fn parse<'a>(get: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, EnvelopeError> {
        let required = |name| get(name).filter(|value| !value.is_empty()).ok_or(EnvelopeError::Missing(name));
        let text = |name| Ok(decode(required(name)?));
        if required(header::CE_SPECVERSION)? != "1.0" {
            return Err(EnvelopeError::Invalid(header::CE_SPECVERSION));
        }
        Ok(Self {
            id: required(header::CE_ID)?.parse().map_err(|_| EnvelopeError::Invalid(header::CE_ID))?,
            source: text(header::CE_SOURCE)?,
            event_type: text(header::CE_TYPE)?,
            subject: get(header::CE_SUBJECT).map(decode),
            time: OffsetDateTime::parse(required(header::CE_TIME)?, &Rfc3339)
                .map_err(|_| EnvelopeError::Invalid(header::CE_TIME))?,
            content_type: get(header::CE_DATACONTENTTYPE)
                .map_or_else(|| "application/json".to_owned(), decode),
            dedup_key: text(header::DEDUP_KEY).or_else(|_| text(header::NATS_MSG_ID))?,
            delivery_id: get(header::DELIVERY_ID).and_then(|id| id.parse().ok()),
            action: get(header::ACTION).map(decode),
            rejected: get(header::REJECTED).map(crate::Code::from_word),
            replayed_from: Replay::parse(&get),
            extensions: header::EXTENSIONS
                .iter()
                .filter_map(|(name, header)| Some((*name, decode(get(header)?))))
                .collect(),
        })
    }
}

/// Percent-encodes space, `"`, `%` and everything outside printable ASCII, as UTF-8 bytes in upper-case hex.
fn encode(value: &str) -> String {
    use fmt::Write as _;
    let is_plain = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%');
    // Nearly every value is; this stands on the edge's way to every answer.
    if value.bytes().all(is_plain) {
        return value.to_owned();
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes every write");
        }
    }
    encoded
}

/// Undoes [`encode`], once; also accepts lower-case hex and a quoted string. What is not an escape stays as it is.
fn decode(value: &str) -> String {
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex_pair(*high, *low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { rest.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn envelope(subject: Option<String>, key: String) -> Envelope {
        Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject,
            time: datetime!(2026-01-20 10:00:00.5 UTC),
            content_type: "application/json".to_owned(),
            dedup_key: key,
            delivery_id: Some(Uuid::now_v7()),
            action: Some("lead.created".to_owned()),
            rejected: Some(crate::code::MISSING_UPDATED_AT),
            replayed_from: Some(Replay::from(EventId::generate())),
            extensions: BTreeMap::from([("platform", "instagram".to_owned()), ("part", "3".to_owned())]),
        }
    }

    proptest! {
        #[test]
        fn any_envelope_survives_its_headers(subject in proptest::option::of(".*"), key in ".+") {
            let sent = envelope(subject, key);
            let headers: HashMap<_, _> = sent.headers().into_iter().collect();
            for value in headers.values() {
                prop_assert!(value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{value:?}");
            }
            let received = Envelope::parse(|name| headers.get(name).map(String::as_str)).unwrap();
            prop_assert_eq!(received, sent);
        }
    }

    #[test]
    fn the_bindings_own_examples_encode_as_it_says() {
        assert_eq!(encode("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(encode(r#"/c2s/lead 100% "ok""#), "/c2s/lead%20100%25%20%22ok%22");
        assert_eq!(decode("Euro%20%e2%82%ac"), "Euro €");
        assert_eq!(decode(r#""quoted""#), "quoted");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%2"), "%zz%2");
    }

    #[test]
    fn an_empty_key_is_none() {
        // Every message with it would repeat the first.
        let sent = envelope(None, String::new());
        let headers: HashMap<_, _> = sent.headers().into_iter().collect();
        let error = Envelope::parse(|name| headers.get(name).map(String::as_str)).unwrap_err();
        assert_eq!(error, EnvelopeError::Missing(header::NATS_MSG_ID));
    }

    #[test]
    fn an_event_that_is_published_again_keeps_its_key() {
        let sent = envelope(None, "c2s:lead-1".to_owned());
        let mut headers: HashMap<_, _> = sent.headers().into_iter().collect();
        headers.insert(header::DEDUP_KEY, headers[header::NATS_MSG_ID].clone());
        headers.insert(header::NATS_MSG_ID, "c2s:lead-1#again".to_owned());
        let received = Envelope::parse(|name| headers.get(name).map(String::as_str)).unwrap();
        assert_eq!(received, sent);
    }

    #[test]
    fn a_message_without_an_id_is_named_as_such() {
        let error = Envelope::parse(|name| (name == header::CE_SPECVERSION).then_some("1.0")).unwrap_err();
        assert_eq!(error, EnvelopeError::Missing(header::CE_ID));
    }
}
