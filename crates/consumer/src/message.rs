//! An event as a handler sees it.

use std::collections::BTreeMap;

use async_nats::{HeaderName, jetstream};
use bytes::Bytes;
use contract::{Envelope, code};
use time::OffsetDateTime;
use tracing::{Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::Failure;

/// One delivery of one event.
#[derive(Debug, Clone)]
pub struct Message {
    /// What is known of it without reading the body.
    pub envelope: Envelope,
    /// The provider's own bytes.
    pub payload: Bytes,
    /// The subject that it was published on.
    pub subject: String,
    /// The durable consumer that it was delivered to.
    pub consumer: &'static str,
    /// The stream that keeps it.
    pub stream: String,
    /// Where it lies on the stream.
    pub sequence: u64,
    /// Which attempt this is; 1 is the first. Deliveries that ended without a word are no attempts.
    pub attempt: u64,
    /// The last attempt that there will be.
    pub attempts_max: u64,
    /// Which delivery this is; 1 is the first.
    pub delivery: u64,
    /// The last delivery that there will be.
    pub deliveries_max: u64,
    /// Its headers as they are, only when no envelope could be read from them.
    pub strange_headers: Option<BTreeMap<String, String>>,
    headers: Option<async_nats::HeaderMap>,
    /// The span of this attempt, in the trace of the event's own delivery to the edge.
    pub span: Span,
}

impl Message {
    /// All its headers, by name.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.headers.as_ref().map(bus::header_pairs).unwrap_or_default()
    }

    /// Whether a failure now is final.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.attempts_max || self.is_last_delivery()
    }

    /// Whether the server will not bring this event again.
    pub fn is_last_delivery(&self) -> bool {
        self.delivery >= self.deliveries_max
    }

    /// Reads a message. One that is not ours is still a message, with an envelope made from where it lies, so that it
    /// can be recorded as the dead letter that the failure beside it says.
    pub(crate) fn read(
        raw: &mut jetstream::Message,
        consumer: &'static str,
        attempts_max: u64,
        deliveries_max: u64,
    ) -> (Self, Result<(), Failure>) {
        let (stream, sequence, delivery, published) = raw.info().map_or_else(
            |_| (String::new(), 0, 1, OffsetDateTime::UNIX_EPOCH),
            |info| {
                (info.stream.to_owned(), info.stream_sequence, info.delivered.unsigned_abs(), info.published)
            },
        );
        let header = |name: &'static str| {
            // A name as such: of a text the client would make one, each time.
            let value = raw.headers.as_ref()?.get(HeaderName::from_static(name));
            value.map(async_nats::HeaderValue::as_str)
        };
        let (envelope, verdict) = match Envelope::parse(header) {
            Ok(envelope) => (envelope, Ok(())),
            Err(error) => (
                Envelope::unknown(&stream, sequence, published),
                Err(Failure::Dead { code: code::ENVELOPE_INVALID, source: error.into() }),
            ),
        };
        let span = span(raw, consumer, &envelope, sequence, delivery);
        let subject = raw.subject.to_string();
        let payload = raw.payload.clone();
        let strange_headers = verdict.is_err().then(|| headers(raw));
        // Taken, not copied: whoever settles the message needs its reply subject alone.
        let headers = raw.message.headers.take();
        let message = Self {
            envelope,
            payload,
            subject,
            consumer,
            stream,
            sequence,
            // Until the journal has said how many attempts the deliveries before were.
            attempt: delivery,
            attempts_max,
            delivery,
            deliveries_max,
            strange_headers,
            headers,
            span,
        };
        (message, verdict)
    }
}

fn headers(raw: &jetstream::Message) -> BTreeMap<String, String> {
    let headers = raw.headers.iter().flat_map(async_nats::HeaderMap::iter);
    headers
        .map(|(name, values)| {
            (name.to_string(), values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        })
        .collect()
}

/// The span of one attempt: a child of the publish span, so that one trace holds the whole way, and linked to it, as
/// the messaging conventions ask for.
fn span(raw: &jetstream::Message, consumer: &str, envelope: &Envelope, sequence: u64, delivery: u64) -> Span {
    use opentelemetry::trace::TraceContextExt as _;

    let span = info_span!(
        "process",
        otel.name = format!("process {consumer}"),
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        error.type = field::Empty,
        messaging.system = "nats",
        messaging.operation.type = "process",
        messaging.operation.name = "process",
        messaging.destination.name = raw.subject.as_str(),
        messaging.consumer.group.name = consumer,
        messaging.message.id = %envelope.id,
        messaging.nats.stream.sequence = sequence,
        messaging.nats.delivered = delivery,
    );
    if let Some(headers) = &raw.headers {
        let context = telemetry::propagation::from_message(headers);
        let publish = context.span().span_context().clone();
        if publish.is_valid() && span.set_parent(context).is_ok() {
            span.add_link(publish);
        }
    }
    span
}
