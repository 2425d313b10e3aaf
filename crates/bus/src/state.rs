//! How streams and consumers stand on the server, and the server's own pause of a consumer.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use async_nats::jetstream::{ErrorCode, consumer::pull, stream::Stream};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Bus, Topology, is_no_message};

/// A durable consumer, as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerState {
    /// Its name.
    pub name: String,
    /// The stream that it reads.
    pub stream: String,
    /// Events that it was never given.
    pub lag: u64,
    /// Events given and not settled, those that wait for their next attempt included.
    pub in_flight: u64,
    /// Of these, given more than once.
    pub redelivered: u64,
    /// Pulls that wait for events; none: nobody consumes.
    pub pulls_waiting: u64,
    /// Deliveries of one event, at most.
    pub deliveries_max: i64,
    /// Until when the server gives it nothing.
    #[serde(with = "time::serde::rfc3339::option")]
    pub paused_until: Option<OffsetDateTime>,
    /// Up to here every event is settled.
    pub settled_sequence: u64,
    /// When the oldest event that is not settled was published.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest_at: Option<OffsetDateTime>,
}

/// A stream, as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamState {
    /// Its name.
    pub name: String,
    /// Messages that it holds.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that it may hold; a full stream refuses.
    pub bytes_max: i64,
    /// How long it keeps a message, seconds.
    pub max_age_seconds: u64,
    /// How long it recognises repeats, seconds.
    pub duplicate_window_seconds: u64,
    /// Copies of it.
    pub replicas: usize,
    /// The first message that it holds.
    pub first_sequence: u64,
    /// When that was published.
    #[serde(with = "time::serde::rfc3339::option")]
    pub first_at: Option<OffsetDateTime>,
    /// The last message that it took.
    pub last_sequence: u64,
    /// When that was published.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_at: Option<OffsetDateTime>,
    /// Its consumers' oldest event that is not settled.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest_at: Option<OffsetDateTime>,
}

impl Topology {
    /// How consumer `name` stands; `None`: the server does not have it.
    ///
    /// # Errors
    /// The topology does not know it, or the broker did not answer.
    pub async fn consumer_state(&self, bus: &Bus, name: &str) -> anyhow::Result<Option<ConsumerState>> {
        let spec = self.consumers.get(name).with_context(|| format!("no consumer {name} is described"))?;
        let stream = bus.jetstream().get_stream_no_info(&spec.stream).await?;
        let Some(info) = info(bus, &spec.stream, name).await? else { return Ok(None) };
        let unsettled = info.num_pending > 0 || info.num_ack_pending > 0;
        let oldest_at = if unsettled {
            let from = info.ack_floor.stream_sequence + 1;
            oldest(&stream, &spec.filter_subjects, from).await?
        } else {
            None
        };
        Ok(Some(ConsumerState {
            name: name.to_owned(),
            stream: spec.stream.clone(),
            lag: info.num_pending,
            in_flight: info.num_ack_pending as u64,
            redelivered: info.num_redelivered as u64,
            pulls_waiting: info.num_waiting as u64,
            deliveries_max: info.config.max_deliver,
            paused_until: info.config.pause_until.filter(|_| info.paused),
            settled_sequence: if unsettled {
                info.ack_floor.stream_sequence
            } else {
                info.delivered.stream_sequence
            },
            oldest_at,
        }))
    }

    /// How stream `name` stands; `None`: the server does not have it.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn stream_state(&self, bus: &Bus, name: &str) -> anyhow::Result<Option<StreamState>> {
        use async_nats::jetstream::context::GetStreamErrorKind;

        let stream = match bus.jetstream().get_stream(name).await {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(problem)
                    if problem.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    return Ok(None);
                }
                _ => return Err(anyhow!(error).context(format!("stream {name}"))),
            },
        };
        let mut oldest_at: Option<OffsetDateTime> = None;
        for (consumer, _) in self.consumers.iter().filter(|(_, spec)| spec.stream == name) {
            let of_consumer = self.consumer_state(bus, consumer).await?.and_then(|state| state.oldest_at);
            oldest_at = oldest_at.into_iter().chain(of_consumer).min();
        }
        let info = stream.cached_info();
        let (config, state) = (&info.config, &info.state);
        let known = |at: OffsetDateTime| (state.messages > 0).then_some(at);
        Ok(Some(StreamState {
            name: name.to_owned(),
            messages: state.messages,
            bytes: state.bytes,
            bytes_max: config.max_bytes,
            max_age_seconds: config.max_age.as_secs(),
            duplicate_window_seconds: config.duplicate_window.as_secs(),
            replicas: config.num_replicas,
            first_sequence: state.first_sequence,
            first_at: known(state.first_timestamp),
            last_sequence: state.last_sequence,
            last_at: known(state.last_timestamp),
            oldest_at,
        }))
    }
}

impl Bus {
    /// Has the server give consumer `name` nothing until then, whoever pulls and whatever restarts. Says until when it
    /// will be so.
    ///
    /// # Errors
    /// The broker did not answer, or refused.
    pub async fn pause_consumer(
        &self,
        stream: &str,
        name: &str,
        until: OffsetDateTime,
    ) -> anyhow::Result<OffsetDateTime> {
        let answer = self.jetstream().get_stream_no_info(stream).await?.pause_consumer(name, until).await?;
        anyhow::ensure!(answer.paused, "the server did not pause consumer {name}");
        Ok(answer.pause_until)
    }

    /// Has the server give consumer `name` events again.
    ///
    /// # Errors
    /// The broker did not answer, or refused.
    pub async fn resume_consumer(&self, stream: &str, name: &str) -> anyhow::Result<()> {
        let answer = self.jetstream().get_stream_no_info(stream).await?.resume_consumer(name).await?;
        anyhow::ensure!(!answer.paused, "the server did not resume consumer {name}");
        Ok(())
    }
}

async fn info(
    bus: &Bus,
    stream: &str,
    name: &str,
) -> anyhow::Result<Option<async_nats::jetstream::consumer::Info>> {
    use async_nats::jetstream::stream::ConsumerErrorKind;

    match bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(name, stream).await {
        Ok(consumer) => Ok(Some(consumer.cached_info().clone())),
        Err(error) => match error.kind() {
            ConsumerErrorKind::JetStream(problem)
                if [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND]
                    .contains(&problem.error_code()) =>
            {
                Ok(None)
            }
            _ => Err(anyhow!(error).context(format!("consumer {name} of stream {stream}"))),
        },
    }
}

/// When the first message from `sequence` on was published, of those that the consumer reads.
async fn oldest<T>(
    stream: &Stream<T>,
    filters: &[String],
    sequence: u64,
) -> anyhow::Result<Option<OffsetDateTime>> {
    let mut oldest: Option<OffsetDateTime> = None;
    for filter in filters {
        match stream.get_first_raw_message_by_subject(filter, sequence).await {
            Ok(message) => oldest = oldest.into_iter().chain([message.time]).min(),
            Err(error) if is_no_message(&error) => {}
            Err(error) => return Err(anyhow!(error).context(format!("first message of {filter}"))),
        }
    }
    Ok(oldest)
}

/// How long ago an instant is; never negative, clocks differ.
pub fn age(at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::try_from(now - at).unwrap_or_default()
}
