//! Whether the server's streams can keep the promises that a service makes about them. Sizes are the operator's;
//! what decides between durable and lost is not.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, pull},
    stream::{self, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType},
};

use crate::{Bus, Topology, claim, topology::stream_name};

/// Why a service must not run against this broker.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The stream or consumer does not exist.
    #[error("{kind} {name} does not exist: run `weir provision`")]
    Missing {
        /// `stream`, `bucket` or `consumer`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// It exists, and contradicts a promise.
    #[error("{kind} {name} has {found}, but needs {needed}: run `weir provision`")]
    Contradiction {
        /// `stream`, `bucket` or `consumer`.
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
        /// `stream`, `bucket` or `consumer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Topology {
    /// Compares the stream, its consumers and its buckets on the server with what the promises need.
    ///
    /// # Errors
    /// The first contradiction; see [`Mismatch`]. Proved by `a_stream_that_forgets_is_refused` and
    /// `a_bucket_that_forgets_before_its_stream_is_refused`.
    pub async fn verify(&self, bus: &Bus, stream: &str) -> Result<(), Mismatch> {
        let spec = self.streams.get(stream).ok_or_else(|| Mismatch::Unknown(stream.to_owned()))?;
        verify_stream(bus, stream, &spec.subjects).await?;
        for (name, consumer) in self.consumers.iter().filter(|(_, consumer)| consumer.stream == stream) {
            verify_consumer(bus, stream, name, &consumer.filter_subjects).await?;
        }
        let max_age = Duration::from_hours(spec.max_age_hours) + claim::REUSE;
        for (name, _) in
            self.buckets.iter().filter(|(_, bucket)| bucket.serves.iter().any(|name| name == stream))
        {
            verify_bucket(bus, name, max_age).await?;
        }
        Ok(())
    }
}

/// A bucket must keep its objects for as long as a message may name them.
async fn verify_bucket(bus: &Bus, name: &str, max_age: Duration) -> Result<(), Mismatch> {
    let config = config_of(bus, "bucket", name, &stream_name(name)).await?;
    let forgets = !config.max_age.is_zero() && config.max_age < max_age;
    let contradictions = [
        (config.storage != StorageType::File, format!("{:?} storage", config.storage), "file storage"),
        (
            forgets,
            format!("max age {:?}", config.max_age),
            "to keep objects longer than messages that name them",
        ),
        (
            config.discard != DiscardPolicy::New,
            format!("discard {:?}", config.discard),
            "discard new (a full bucket must refuse)",
        ),
    ];
    first_contradiction("bucket", name, contradictions)
}

/// How the server keeps what is called `name`, which is `stream` to the server.
async fn config_of(
    bus: &Bus,
    kind: &'static str,
    name: &str,
    stream: &str,
) -> Result<stream::Config, Mismatch> {
    use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};

    let found = bus.jetstream().get_stream(stream).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(problem) if problem.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Mismatch::Missing { kind, name: name.to_owned() }
        }
        _ => Mismatch::NoAnswer { kind, name: name.to_owned(), source: error.into() },
    })?;
    Ok(found.cached_info().config.clone())
}

async fn verify_stream(bus: &Bus, name: &str, subjects: &[String]) -> Result<(), Mismatch> {
    let config = config_of(bus, "stream", name, name).await?;
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
