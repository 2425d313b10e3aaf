//! Result events: what the services found out, as protobuf (`proto/`) on stream `RESULTS`, for the live feed and for
//! anybody who wants to know.
//!
//! A result is published after the commit of what it tells, and before the event that caused it is acknowledged. Its id
//! is made from that event's id, so a repeat has the same one, and the stream drops it. Proved by
//! `a_result_is_on_the_stream_once_however_often_it_is_published`.

pub mod v1;

use bus::{Event, PublishError, Publisher, Receipt};
use contract::{Envelope, EventId, stream::RESULTS};
use prost::Message;
use time::OffsetDateTime;
use uuid::Uuid;

/// Media type of a result.
pub const CONTENT_TYPE: &str = "application/protobuf";

/// A message that tells a result.
pub trait Outcome: Message {
    /// Whose events it is about: second token of the subject.
    const PROVIDER: &'static str;
    /// What it is called: last token of the subject.
    const WHAT: &'static str;
    /// Its full name in `proto/`, which is its `ce-type`.
    const TYPE: &'static str;

    /// Its subject.
    fn subject() -> String {
        format!("results.{}.{}", Self::PROVIDER, Self::WHAT)
    }
}

/// A message that tells a result which any provider's events can have.
pub trait Common: Message {
    /// What it is called: last token of the subject.
    const WHAT: &'static str;
    /// Its full name in `proto/`, which is its `ce-type`.
    const TYPE: &'static str;

    /// Its subject for one provider.
    fn subject(provider: &str) -> String {
        format!("results.{provider}.{}", Self::WHAT)
    }
}

/// What is known of a result beside itself.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The event that caused it.
    pub cause: EventId,
    /// What it is about (job, account, lead): its `ce-subject`.
    pub subject: Option<&'a str>,
    /// When the edge received the event that caused it.
    pub time: OffsetDateTime,
}

/// Publishes a result and waits until the stream has it.
///
/// # Errors
/// It may not be on the stream; publish it again.
pub async fn publish<O: Outcome>(
    publisher: &Publisher,
    about: About<'_>,
    outcome: &O,
) -> Result<Receipt, PublishError> {
    let to = Destination { provider: O::PROVIDER, subject: O::subject(), event_type: O::TYPE };
    send(publisher, to, about, outcome.encode_to_vec()).await
}

/// The same for a result that any provider's events can have.
///
/// # Errors
/// It may not be on the stream; publish it again.
pub async fn publish_for<O: Common>(
    publisher: &Publisher,
    provider: &str,
    about: About<'_>,
    outcome: &O,
) -> Result<Receipt, PublishError> {
    let to = Destination { provider, subject: O::subject(provider), event_type: O::TYPE };
    send(publisher, to, about, outcome.encode_to_vec()).await
}

struct Destination<'a> {
    provider: &'a str,
    subject: String,
    event_type: &'static str,
}

async fn send(
    publisher: &Publisher,
    to: Destination<'_>,
    about: About<'_>,
    payload: Vec<u8>,
) -> Result<Receipt, PublishError> {
    let id = id(about.cause, to.event_type);
    let envelope = Envelope {
        id,
        source: format!("/{}", to.provider),
        event_type: to.event_type.to_owned(),
        subject: about.subject.map(str::to_owned),
        time: about.time,
        content_type: CONTENT_TYPE.to_owned(),
        dedup_key: id.to_string(),
        delivery_id: None,
        action: None,
        rejected: None,
        replayed_from: None,
        extensions: std::collections::BTreeMap::new(),
    };
    publisher.publish(Event { stream: RESULTS, subject: to.subject, envelope, payload: payload.into() }).await
}

/// The id of the result of this sort that an event causes: the same whenever it is made.
pub fn id_of<O: Outcome>(cause: EventId) -> EventId {
    id(cause, O::TYPE)
}

fn id(cause: EventId, event_type: &str) -> EventId {
    EventId(Uuid::new_v5(&cause.0, event_type.as_bytes()))
}

/// A time as protobuf has it.
pub fn timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}
