//! One message by its position on a stream.

use std::error::Error;

use async_nats::{
    HeaderMap,
    jetstream::{
        ErrorCode,
        message::StreamMessage,
        stream::{DirectGetErrorKind, RawMessageError, RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use contract::{Envelope, EnvelopeError, header::CE_ID};
use time::OffsetDateTime;

use crate::Bus;

/// What the server adds to a message when it is asked for it; none of these is the publisher's.
const ADDED: [&str; 6] = [
    "Nats-Stream",
    "Nats-Subject",
    "Nats-Sequence",
    "Nats-Time-Stamp",
    "Nats-Last-Sequence",
    "Nats-Num-Pending",
];

/// A message as it lies on its stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its stream.
    pub stream: String,
    /// Its number there.
    pub sequence: u64,
    /// The subject that it was published on.
    pub subject: String,
    /// When the stream took it.
    pub published: OffsetDateTime,
    /// All its headers, by name.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub payload: Bytes,
}

/// Headers as pairs, by name; the client does not keep their order.
pub fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.to_string())))
        .collect();
    // Several values of one name stay in their order.
    pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
    pairs
}

/// The broker did not say whether the message is there.
#[derive(Debug, thiserror::Error)]
#[error("the broker did not answer about message {sequence} of stream {stream}")]
pub struct NoAnswer {
    /// The stream.
    pub stream: String,
    /// The position.
    pub sequence: u64,
    /// What it said instead.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl Bus {
    /// The message at a position; `None`: it is there no more, or the stream is not. Proved by
    /// `a_message_is_read_as_it_was_published_until_it_is_deleted`.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn stored(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, NoAnswer> {
        let no_answer = |source| NoAnswer { stream: stream.to_owned(), sequence, source };
        let handle =
            self.jetstream().get_stream_no_info(stream).await.map_err(|error| no_answer(error.into()))?;
        match handle.direct_get(sequence).await {
            Ok(message) => return Ok(Some(Stored::read(stream, message))),
            // Any replica answers, also one that lags behind: only the leader can say that a message is gone.
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {}
            Err(error) => {
                if !self.is_connected() {
                    return Err(no_answer(error.into()));
                }
            }
        }
        from_leader(&handle, stream, sequence).await.map_err(no_answer)
    }
}

async fn from_leader(
    handle: &Stream<()>,
    stream: &str,
    sequence: u64,
) -> Result<Option<Stored>, Box<dyn Error + Send + Sync>> {
    let error = match handle.get_raw_message(sequence).await {
        Ok(message) => return Ok(Some(Stored::read(stream, message))),
        Err(error) => error,
    };
    let is_no_stream = matches!(error.kind(), RawMessageErrorKind::JetStream(problem)
        if problem.error_code() == ErrorCode::STREAM_NOT_FOUND);
    if is_no_message(&error) || is_no_stream { Ok(None) } else { Err(error.into()) }
}

/// Whether the stream's leader says that there is no such message. It says so, too, of one that it cannot read at the
/// moment: whoever concludes that an event is lost must ask the stream what it counts as deleted.
pub fn is_no_message(error: &RawMessageError) -> bool {
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(problem) => problem.error_code() == ErrorCode::NO_MESSAGE_FOUND,
        _ => false,
    }
}

impl Stored {
    fn read(stream: &str, message: StreamMessage) -> Self {
        let mut headers = header_pairs(&message.headers);
        headers.retain(|(name, _)| !ADDED.contains(&name.as_str()));
        Self {
            stream: stream.to_owned(),
            sequence: message.sequence,
            subject: message.subject.to_string(),
            published: message.time,
            headers,
            payload: message.payload,
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Its envelope, as its consumer reads it; made from where it lies if it carries none.
    pub fn envelope(&self) -> Envelope {
        let read: Result<Envelope, EnvelopeError> = Envelope::parse(|name| self.header(name));
        read.unwrap_or_else(|_| Envelope::unknown(&self.stream, self.sequence, self.published))
    }

    /// Whether it is an event of ours.
    pub fn is_event(&self) -> bool {
        self.header(CE_ID).is_some() && Envelope::parse(|name| self.header(name)).is_ok()
    }
}
