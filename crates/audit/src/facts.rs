//! What the broker says of a stream and of a consumer, in the order in which it must be asked.

use async_nats::jetstream::{
    ErrorCode, consumer,
    context::{ConsumerInfoErrorKind, GetStreamErrorKind},
    stream,
};
use bus::Bus;
use time::OffsetDateTime;

use crate::AuditError;

/// A stream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFacts {
    /// When the server made it.
    pub(crate) incarnation: OffsetDateTime,
    /// The first position that is still there.
    pub(crate) first: i64,
    /// The newest position.
    pub(crate) last: i64,
}

/// A consumer at a later moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerFacts {
    /// Every position up to here that the consumer reads is acknowledged, terminated or given up.
    pub(crate) settled: i64,
    /// The highest position that was ever given to it.
    pub(crate) delivered: i64,
    /// Events that wait, or are in somebody's hands.
    pub(crate) pending: i64,
    /// Events that were delivered more than once and never acknowledged, those that were given up included.
    pub(crate) redelivered: i64,
    /// Events in somebody's hands.
    pub(crate) in_hand: i64,
    filters: Vec<String>,
}

/// The stream; `None`: there is none of this name.
pub(crate) async fn stream(bus: &Bus, name: &str) -> Result<Option<StreamFacts>, AuditError> {
    Ok(info(bus, name).await?.map(|info| StreamFacts::of(&info)))
}

/// All that the server says of a stream, the number of what is deleted between its messages included.
pub(crate) async fn info(bus: &Bus, name: &str) -> Result<Option<stream::Info>, AuditError> {
    match bus.jetstream().get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(problem) if problem.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(AuditError::broker(format!("stream {name}"), error)),
        },
    }
}

impl StreamFacts {
    pub(crate) fn of(info: &stream::Info) -> Self {
        Self {
            incarnation: microseconds(info.created),
            first: signed(info.state.first_sequence),
            last: signed(info.state.last_sequence),
        }
    }
}

/// The consumer, asked after the stream: what it has settled by now was committed before. `None`: there is none.
pub(crate) async fn consumer(
    bus: &Bus,
    (stream, facts): (&str, StreamFacts),
    name: &str,
) -> Result<Option<ConsumerFacts>, AuditError> {
    let about = || format!("consumer {name} of stream {stream}");
    let handle = bus.jetstream().get_stream_no_info(stream).await;
    let handle = handle.map_err(|error| AuditError::broker(about(), error))?;
    let info = match handle.consumer_info(name).await {
        Ok(info) => info,
        Err(error) => match error.kind() {
            ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => return Ok(None),
            _ => return Err(AuditError::broker(about(), error)),
        },
    };
    let mut consumer = ConsumerFacts::of(&info);
    if consumer.in_hand == 0 && consumer.delivered < facts.last {
        // What follows is other consumers', up to the first message that waits for this one. Its own count of what
        // waits does not say so: it is that of one server, which may not have the newest messages yet.
        consumer.settled = match first_waiting(&handle, &consumer).await {
            Ok(Some(first)) => (first - 1).max(consumer.delivered),
            Ok(None) if consumer.pending == 0 => facts.last,
            // They contradict each other: what is sure has to do.
            Ok(None) => consumer.delivered,
            Err(error) => return Err(AuditError::broker(about(), error)),
        };
    }
    Ok(Some(consumer))
}

/// The first message after the last delivered one that the consumer reads, by the word of the stream's leader.
async fn first_waiting<T>(
    stream: &stream::Stream<T>,
    consumer: &ConsumerFacts,
) -> Result<Option<i64>, stream::RawMessageError> {
    let after = u64::try_from(consumer.delivered).unwrap_or_default() + 1;
    let mut first = None;
    for filter in
        consumer.filters.iter().map(String::as_str).chain(consumer.filters.is_empty().then_some(">"))
    {
        match stream.get_first_raw_message_by_subject(filter, after).await {
            Ok(message) => first = first.into_iter().chain([signed(message.sequence)]).min(),
            Err(error) if bus::is_no_message(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(first)
}

impl ConsumerFacts {
    fn of(info: &consumer::Info) -> Self {
        let delivered = signed(info.delivered.stream_sequence);
        let settled =
            if info.num_ack_pending == 0 { delivered } else { signed(info.ack_floor.stream_sequence) };
        let in_hand = i64::try_from(info.num_ack_pending).unwrap_or(i64::MAX);
        let mut filters = info.config.filter_subjects.clone();
        filters.extend(Some(info.config.filter_subject.clone()).filter(|filter| !filter.is_empty()));
        Self {
            settled,
            delivered,
            pending: signed(info.num_pending).saturating_add(in_hand),
            redelivered: i64::try_from(info.num_redelivered).unwrap_or(i64::MAX),
            in_hand,
            filters,
        }
    }

    /// Whether messages with this subject are for this consumer.
    pub(crate) fn reads(&self, subject: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| matches(filter, subject))
    }
}

/// The time as the database keeps it; earlier rather than later, since rows are compared with it.
pub(crate) fn microseconds(time: OffsetDateTime) -> OffsetDateTime {
    let rest = time.nanosecond() % 1_000;
    time - time::Duration::nanoseconds(i64::from(rest))
}

/// The server counts without signs, the database with.
pub(crate) fn signed(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Whether a filter with NATS's wildcards takes a subject.
fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_filter_takes_what_nats_would_take() {
        for (filter, subject) in [
            ("ingest.c2s.>", "ingest.c2s.created"),
            ("ingest.c2s.>", "ingest.c2s.a.b"),
            ("ingest.*.created", "ingest.c2s.created"),
            ("ingest.c2s", "ingest.c2s"),
            (">", "x"),
        ] {
            assert!(matches(filter, subject), "{filter} {subject}");
        }
        for (filter, subject) in [
            ("ingest.c2s.>", "ingest.c2s"),
            ("ingest.*", "ingest.c2s.created"),
            ("ingest.c2s", "ingest.c2s.created"),
            ("replay.c2s.c2s-leads.>", "replay.c2s.c2s-enricher.created"),
        ] {
            assert!(!matches(filter, subject), "{filter} {subject}");
        }
    }
}
