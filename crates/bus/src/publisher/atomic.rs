//! An atomic batch (NATS ADR-50): messages that the stream stores together or not at all, with the fsyncs of one.

use std::time::Duration;

use async_nats::{
    HeaderMap, Request, Subject,
    header::{
        NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_STREAM,
    },
    jetstream::{ErrorCode, publish::PublishAck, response::Response},
};
use bytes::Bytes;

use crate::Bus;

/// One message of a batch.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

/// Why a batch is not known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// It holds an id that the stream knows; nothing of it is stored.
    Duplicate,
    /// The server or the stream does not take batches; nothing is stored.
    Unsupported,
    /// The stream refused for another reason; nothing is stored.
    Refused,
    /// No answer: all of it may be stored, or nothing.
    Unanswered,
}

impl Failed {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Publishes at least two messages as one batch. Gives back the sequence of the first; the others follow it.
pub(super) async fn commit(
    bus: &Bus,
    stream: &'static str,
    messages: Vec<Message>,
    timeout: Duration,
) -> Result<u64, Failed> {
    let id = uuid::Uuid::now_v7().to_string();
    let size = messages.len() as u64;
    for (number, Message { subject, mut headers, payload }) in (1..).zip(messages) {
        headers.insert(NATS_BATCH_ID, id.as_str());
        headers.insert(NATS_BATCH_SEQUENCE, number.to_string().as_str());
        if number == 1 {
            headers.insert(NATS_EXPECTED_STREAM, stream);
        }
        if number == size {
            headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
            let request = Request::new().headers(headers).payload(payload).timeout(Some(timeout));
            let answer = bus.client().send_request(subject, request).await.map_err(|_| Failed::Unanswered)?;
            return committed(&answer.payload, size);
        }
        // Only the last one is answered, for all of them: whether the stream takes batches at all is said there, too.
        let sent = bus.client().publish_with_headers(subject, headers, payload).await;
        sent.map_err(|_| Failed::Unanswered)?;
    }
    Err(Failed::Refused)
}

/// The sequence of the first of `size` messages.
fn committed(answer: &[u8], size: u64) -> Result<u64, Failed> {
    // Never straight into an acknowledgement: an error reads as one of sequence 0. Nor is one without the batch's size
    // an answer: a server that knows nothing of batches has stored each message as any other.
    match serde_json::from_slice(answer) {
        Ok(Response::<PublishAck>::Ok(ack)) if ack.batch_size == Some(size) => Ok(ack.sequence + 1 - size),
        Ok(Response::Err { error }) => Err(refused(error.error_code())),
        _ => Err(Failed::Unanswered),
    }
}

fn refused(code: ErrorCode) -> Failed {
    match code {
        ErrorCode::ATOMIC_PUBLISH_DISABLED => Failed::Unsupported,
        ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE => Failed::Duplicate,
        _ => Failed::Refused,
    }
}
