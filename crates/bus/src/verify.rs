//! Whether the server's streams can keep the promises that a service makes about them. Sizes are the operator's;
//! what decides between durable and lost is not.

use async_nats::jetstream::{
    consumer::{AckPolicy, pull},
    stream::{DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType},
};

use crate::{Bus, Topology};

/// Why a service must not run against this broker.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The stream or consumer does not exist.
    #[error("{kind} {name} does not exist: run `weir provision`")]
    Missing {
        /// `stream` or `consumer`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// It exists, and contradicts a promise.
    #[error("{kind} {name} has {found}, but needs {needed}: run `weir provision`")]
    Contradiction {
        /// `stream` or `consumer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What the server has.
        found: String,
        /// What the promise needs.
        needed: &'static str,
    },
    /// This version of Weir does not know the stream.
    #[error("stream {0} is not part of the topology")]
    Unknown(String),
    /// The broker did not answer, or refused to tell.
    #[error("the broker did not tell about {kind} {name}")]
    NoAnswer {
        /// `stream` or `consumer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Topology {
    /// Compares the stream and its consumers on the server with what the promises need.
    ///
    /// # Errors
    /// The first contradiction; see [`Mismatch`]. Proved by `a_stream_that_forgets_is_refused`.
    pub async fn verify(&self, bus: &Bus, stream: &str) -> Result<(), Mismatch> {
        let spec = self.streams.get(stream).ok_or_else(|| Mismatch::Unknown(stream.to_owned()))?;
        verify_stream(bus, stream, &spec.subjects).await?;
        for (name, consumer) in self.consumers.iter().filter(|(_, consumer)| consumer.stream == stream) {
            verify_consumer(bus, stream, name, &consumer.filter_subjects).await?;
        }
        Ok(())
    }
}

async fn verify_stream(bus: &Bus, name: &str, subjects: &[String]) -> Result<(), Mismatch> {
    use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};

    let stream = bus.jetstream().get_stream(name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(problem) if problem.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Mismatch::Missing { kind: "stream", name: name.to_owned() }
        }
        _ => Mismatch::NoAnswer { kind: "stream", name: name.to_owned(), source: error.into() },
    })?;
    let config = &stream.cached_info().config;
    let lacking: Vec<_> =
        subjects.iter().filter(|subject| !config.subjects.contains(subject)).cloned().collect();
    let contradictions = [
        (!lacking.is_empty(), format!("no subject {}", lacking.join(" ")), "every subject of its provider"),
        (config.storage != StorageType::File, format!("{:?} storage", config.storage), "file storage"),
        (
            config.retention != RetentionPolicy::Limits,
            format!("{:?} retention", config.retention),
            "limits retention",
        ),
        (
            config.discard != DiscardPolicy::New,
            format!("discard {:?}", config.discard),
            "discard new (a full stream must refuse)",
        ),
        (
            config.max_messages_per_subject > 0,
            format!("a limit of {} per subject", config.max_messages_per_subject),
            "no such limit (it drops the oldest)",
        ),
        (
            config.persist_mode == Some(PersistenceMode::Async),
            "persist mode async".to_owned(),
            "acknowledgement after the write",
        ),
        (config.no_ack, "no_ack".to_owned(), "acknowledgements"),
        (config.duplicate_window.is_zero(), "no duplicate window".to_owned(), "a duplicate window"),
    ];
    first_contradiction("stream", name, contradictions)
}

async fn verify_consumer(bus: &Bus, stream: &str, name: &str, filters: &[String]) -> Result<(), Mismatch> {
    use async_nats::jetstream::{ErrorCode, stream::ConsumerErrorKind};

    let consumer = bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(name, stream).await;
    let consumer = consumer.map_err(|error| match error.kind() {
        ConsumerErrorKind::JetStream(problem) if problem.error_code() == ErrorCode::CONSUMER_NOT_FOUND => {
            Mismatch::Missing { kind: "consumer", name: name.to_owned() }
        }
        _ => Mismatch::NoAnswer { kind: "consumer", name: name.to_owned(), source: error.into() },
    })?;
    let config = &consumer.cached_info().config;
    let reads = |filter: &String| config.filter_subjects.contains(filter) || config.filter_subject == *filter;
    let contradictions = [
        (!filters.iter().all(reads), "another filter".to_owned(), "the subjects of the topology"),
        (config.headers_only, "no bodies".to_owned(), "whole messages"),
        (
            config.ack_policy != AckPolicy::Explicit,
            format!("{:?} acknowledgement", config.ack_policy),
            "explicit acknowledgement",
        ),
        (
            config.max_deliver < 1,
            "no limit of deliveries".to_owned(),
            "max_deliver (poison must end as a dead letter)",
        ),
    ];
    first_contradiction("consumer", name, contradictions)
}

fn first_contradiction<const N: usize>(
    kind: &'static str,
    name: &str,
    contradictions: [(bool, String, &'static str); N],
) -> Result<(), Mismatch> {
    match contradictions.into_iter().find(|(contradicts, ..)| *contradicts) {
        Some((_, found, needed)) => {
            Err(Mismatch::Contradiction { kind, name: name.to_owned(), found, needed })
        }
        None => Ok(()),
    }
}
