//! Publishing with a promise: an event is answered for when the stream has acknowledged it, or not at all.

mod atomic;
mod committer;
mod group;
mod pace;
mod recent;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_nats::{
    HeaderMap, HeaderName, HeaderValue,
    jetstream::{
        self, ErrorCode,
        context::{PublishError as ClientError, PublishErrorKind},
        message::PublishMessage,
        publish::PublishAck,
    },
};
use bytes::Bytes;
use contract::{Envelope, header, metric};
use opentelemetry::{Context, KeyValue, metrics::Histogram};
use tokio::{sync::Semaphore, time::Instant};
use tracing::{Instrument as _, Span, field, info_span};

use self::{
    atomic::Message,
    group::{Group, Joined},
};
use crate::{Bus, claim::Claims};

/// Wait before a publish that found no leader or no connection is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// One event on its way to a stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// The stream that must store it; an acknowledgement by another one is an error.
    pub stream: &'static str,
    /// The subject, see [`contract::stream::ingest_subject`].
    pub subject: String,
    /// What is known of it; becomes the headers.
    pub envelope: Envelope,
    /// The provider's own bytes.
    pub payload: Bytes,
}

/// The stream's acknowledgement: the event is on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Where it lies.
    pub sequence: u64,
    /// The stream had it already, by its `dedup_key`.
    pub duplicate: bool,
}

/// Why an event is not (known to be) durable. It may be stored all the same: publish it again with the same key.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Too many events wait for their acknowledgement.
    #[error("too many events wait for their acknowledgement")]
    Overloaded,
    /// No acknowledgement in time, or no broker.
    #[error("the stream did not acknowledge in time")]
    Unavailable(#[source] Option<ClientError>),
    /// The event is larger than a message may be.
    #[error("event of {size} bytes is larger than the broker or its stream takes")]
    TooLarge {
        /// Bytes of headers and payload.
        size: usize,
    },
    /// The stream will not have it: it is full, or is not the stream that was expected.
    #[error("the stream refused the event")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// An event that is published alone.
struct Alone<'a> {
    event: &'a Event,
    span: &'a Span,
    /// Bytes of headers and payload.
    size: usize,
    deadline: Instant,
    /// A batch before this may have stored it.
    may_be_stored: bool,
}

/// Publishes events. Clones share the bound on events in flight, and their batches.
///
/// Events that wait at the same time may share an atomic batch (`nats.publish_mode`), which changes how fast they are
/// durable and nothing else: proved by `events_that_share_a_batch_get_the_same_answers_as_alone`.
#[derive(Debug, Clone)]
pub struct Publisher {
    bus: Bus,
    config: config::Nats,
    groups: Arc<RwLock<HashMap<&'static str, Arc<Group>>>>,
    claims: Claims,
    in_flight: Arc<Semaphore>,
    timeout: Duration,
    duration: Histogram<f64>,
}

impl Publisher {
    /// A publisher with the bounds of `config`.
    pub fn new(bus: &Bus, config: &config::Nats) -> Self {
        let duration = telemetry::meter()
            .f64_histogram(metric::PUBLISH_DURATION)
            .with_unit("s")
            .with_description("Time from publishing an event to its acknowledgement.")
            .build();
        Self {
            bus: bus.clone(),
            config: config.clone(),
            groups: Arc::default(),
            claims: Claims::new(bus, config),
            in_flight: Arc::new(Semaphore::new(config.publish_in_flight_max)),
            timeout: config.publish_timeout(),
            duration,
        }
    }

    /// Where bodies go that are too large for an event. To be put before the event that names them.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns when the event is durable on its stream, or when it is known not to be in time.
    ///
    /// The current span's trace context travels in the headers. Callers with several events call this concurrently.
    /// Proved by `an_acknowledged_event_survives_a_killed_broker` and `a_broker_that_hangs_is_an_error_in_time`.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn publish(&self, event: Event) -> impl Future<Output = Result<Receipt, PublishError>> + Send {
        self.publish_in(event, None)
    }

    /// The same, in a span that is linked to the trace of `original`: for what is published again.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_again(&self, event: Event, original: &Context) -> Result<Receipt, PublishError> {
        self.publish_in(event, Some(original)).await
    }

    async fn publish_in(&self, event: Event, original: Option<&Context>) -> Result<Receipt, PublishError> {
        // Made when it is waited for, not before: whoever waits may do so in a span of its own.
        let span = span(&event);
        if let Some(original) = original {
            telemetry::propagation::link(&span, original);
        }
        let started = Instant::now();
        let stream = event.stream;
        let result = self.publish_by(&event, started + self.timeout, &span).instrument(span.clone()).await;
        let outcome = match &result {
            Ok(Receipt { duplicate: false, .. }) => "stored",
            Ok(Receipt { duplicate: true, .. }) => "duplicate",
            Err(PublishError::Overloaded) => "overloaded",
            Err(PublishError::Unavailable(_)) => "unavailable",
            Err(PublishError::TooLarge { .. }) => "too_large",
            Err(PublishError::Refused(_)) => "refused",
        };
        if result.is_err() {
            span.record("otel.status_code", "ERROR").record("error.type", outcome);
        }
        let labels = [KeyValue::new("stream", stream), KeyValue::new("outcome", outcome)];
        self.duration.record(started.elapsed().as_secs_f64(), &labels);
        result
    }

    async fn publish_by(
        &self,
        event: &Event,
        deadline: Instant,
        span: &Span,
    ) -> Result<Receipt, PublishError> {
        let headers = headers(&event.envelope, span);
        let size = self.check_size(&headers, &event.payload)?;
        // An event that waited longer for its turn would have no time left for a second attempt.
        let permit = tokio::time::timeout(self.timeout / 2, self.in_flight.acquire()).await;
        let _permit = permit.map_err(|_| PublishError::Overloaded)?;
        let group = self.group(event.stream);
        let _counted = group.enter();
        if !group.takes(&event.envelope.dedup_key, size) {
            let alone = Alone { event, span, size, deadline, may_be_stored: false };
            return group.alone(Box::pin(self.publish_alone(alone, Some(headers)))).await;
        }
        let payload = event.payload.clone();
        let message = Message { subject: event.subject.as_str().into(), headers, payload };
        match group.join(message, size, deadline).await {
            Joined::Stored { sequence } => Ok(Receipt { sequence, duplicate: false }),
            Joined::Alone { may_be_stored, look: _look } => {
                let alone = Alone { event, span, size, deadline, may_be_stored };
                group.alone(Box::pin(self.publish_alone(alone, None))).await
            }
        }
    }

    /// The events on their way to this stream.
    fn group(&self, stream: &'static str) -> Arc<Group> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(stream) {
            return group.clone();
        }
        drop(groups);
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.entry(stream).or_insert_with(|| Group::start(&self.bus, &self.config, stream)).clone()
    }

    /// Publishes a message of its own. To be boxed: it is large, and every event in hand would carry its room. `headers` are those of the first attempt, if they are made already.
    async fn publish_alone(
        &self,
        Alone { event, span, size, deadline, may_be_stored }: Alone<'_>,
        mut headers: Option<HeaderMap>,
    ) -> Result<Receipt, PublishError> {
        let mut attempts = u32::from(may_be_stored);
        let mut last = None;
        let attempting = async {
            loop {
                // While disconnected the client would queue the event and send it after we had said that it failed.
                self.bus.connected().await;
                attempts += 1;
                // Half of the time for one attempt, so that one lost message or acknowledgement is not the end.
                let headers = headers.take().unwrap_or_else(|| self::headers(&event.envelope, span));
                let attempt = self.attempt(event, headers);
                let error = match tokio::time::timeout(self.timeout / 2, attempt).await {
                    Ok(Ok(ack)) => return Ok(ack),
                    Ok(Err(error)) => error,
                    Err(_) => continue,
                };
                match error.kind() {
                    // No stream is what an election of its leader looks like.
                    PublishErrorKind::StreamNotFound
                    | PublishErrorKind::TimedOut
                    | PublishErrorKind::BrokenPipe
                    | PublishErrorKind::MaxAckPending => last = Some(error),
                    _ if exceeds_the_stream(&error) => return Err(PublishError::TooLarge { size }),
                    _ => return Err(PublishError::Refused(Box::new(error))),
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        let ack = match tokio::time::timeout_at(deadline, attempting).await {
            Ok(result) => result?,
            Err(_) => return Err(PublishError::Unavailable(last)),
        };
        let is_ours = async {
            let asking = tokio::time::timeout_at(deadline, self.is_ours(event, ack.sequence));
            attempts > 1 && asking.await.unwrap_or(false)
        };
        let duplicate = ack.duplicate && !is_ours.await;
        Ok(Receipt { sequence: ack.sequence, duplicate })
    }

    async fn attempt(&self, event: &Event, headers: HeaderMap) -> Result<PublishAck, ClientError> {
        let message = PublishMessage::build()
            .headers(headers)
            .payload(event.payload.clone())
            .expected_stream(event.stream);
        self.bus.jetstream().send_publish(event.subject.clone(), message).await?.await
    }

    /// Whether the stored message is this very event, stored by an attempt of ours whose acknowledgement was lost.
    async fn is_ours(&self, event: &Event, sequence: u64) -> bool {
        let Ok(stream) = self.bus.jetstream().get_stream_no_info(event.stream).await else {
            return false;
        };
        let Ok(stored) = stream.direct_get(sequence).await else {
            return false;
        };
        stored.headers.get(header::CE_ID).is_some_and(|id| id.as_str() == event.envelope.id.to_string())
    }

    fn check_size(&self, headers: &HeaderMap, payload: &Bytes) -> Result<usize, PublishError> {
        // "NATS/1.0", a line per header, and the client's own `Nats-Expected-Stream`.
        const FRAME: usize = 128;
        let headers: usize = headers
            .iter()
            .map(|(name, values)| {
                values
                    .iter()
                    .map(|value| AsRef::<str>::as_ref(name).len() + value.as_str().len() + 4)
                    .sum::<usize>()
            })
            .sum();
        let size = headers + payload.len() + FRAME;
        if size > self.bus.client().max_payload() { Err(PublishError::TooLarge { size }) } else { Ok(size) }
    }
}

/// Whether the stream's own limit, which may be below the broker's, is the reason.
fn exceeds_the_stream(error: &ClientError) -> bool {
    let reason = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    reason.is_some_and(|reason| reason.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

fn headers(envelope: &Envelope, span: &Span) -> HeaderMap {
    // No value of an envelope holds a line break, which is all that a header value may not.
    let values = envelope.headers().into_iter();
    let mut headers: HeaderMap =
        values.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value))).collect();
    telemetry::propagation::inject(span, &mut headers);
    headers
}

fn span(event: &Event) -> Span {
    info_span!(
        "publish",
        otel.name = format!("publish {}", event.stream),
        otel.kind = "producer",
        otel.status_code = field::Empty,
        error.type = field::Empty,
        messaging.system = "nats",
        messaging.operation.type = "send",
        messaging.operation.name = "publish",
        messaging.destination.name = event.subject,
        messaging.message.id = %event.envelope.id,
        messaging.message.body.size = event.payload.len(),
    )
}
