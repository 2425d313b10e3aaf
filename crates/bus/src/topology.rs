//! Streams and consumers as data: `infra/nats/topology.toml`, compiled in, applied by `weir provision`.

mod bucket;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use async_nats::jetstream::{
    consumer::{AckPolicy, PullConsumer, pull},
    stream::{self, Compression, DiscardPolicy, RetentionPolicy, StorageType},
};
use serde::{Deserialize, Serialize};

pub use bucket::BucketSpec;
pub(crate) use bucket::stream_name;

use crate::Bus;

/// How often a consumer is looked at again when the answer to its change tells of the old one, and the pause before that.
const STALE_ANSWERS: usize = 20;
const STALE_PAUSE: Duration = Duration::from_millis(100);

/// The streams and consumers that Weir needs, by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Streams by name.
    pub streams: BTreeMap<String, StreamSpec>,
    /// Object store buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, BucketSpec>,
    /// Durable pull consumers by name.
    #[serde(default)]
    pub consumers: BTreeMap<String, ConsumerSpec>,
}

/// What is ours to choose of a stream. The rest is the same for all: file storage, limits retention, `discard: new`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// Subjects that it stores.
    pub subjects: Vec<String>,
    /// How long it keeps events.
    pub max_age_hours: u64,
    /// How much it keeps; a full stream refuses.
    pub max_bytes: i64,
    /// Largest message.
    pub max_message_bytes: i32,
    /// How long repeats are recognised by the stream itself.
    pub duplicate_window_seconds: u64,
}

/// What is ours to choose of a consumer. All are durable and acknowledge explicitly.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSpec {
    /// The stream that it reads.
    pub stream: String,
    /// The subjects that it reads.
    pub filter_subjects: Vec<String>,
    /// How long a delivery may go without a sign of life before it is delivered again.
    pub ack_wait_seconds: u64,
    /// Deliveries of one event, the first included.
    pub max_deliver: i64,
    /// Events in the hands of all replicas together.
    pub max_ack_pending: i64,
    /// Pulls that may wait at one time, of all replicas together.
    pub max_waiting: i64,
}

/// What [`Topology::apply`] did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `stream`, `bucket` or `consumer`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What was done.
    pub action: Action,
    /// The fields that differed, `name: old → new`.
    pub differences: Vec<String>,
}

/// What was done to one stream or consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It did not exist.
    Created,
    /// It differed.
    Updated,
    /// It was right already.
    Unchanged,
}

impl Topology {
    /// The topology that this program was built with.
    pub fn embedded() -> Self {
        Self::parse(include_str!("../../../infra/nats/topology.toml"))
            .expect("the_embedded_topology_is_valid proves that it parses")
    }

    /// Reads a topology file's text.
    ///
    /// # Errors
    /// Names the line that is wrong, or the consumer whose stream is unknown.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let topology: Self = toml::from_str(text)?;
        for (name, consumer) in &topology.consumers {
            let stream = topology.streams.get(&consumer.stream);
            stream.with_context(|| {
                format!("consumer {name} reads stream {}, which is not described", consumer.stream)
            })?;
        }
        for (name, bucket) in &topology.buckets {
            let unknown = bucket.serves.iter().find(|stream| !topology.streams.contains_key(*stream));
            anyhow::ensure!(
                unknown.is_none(),
                "bucket {name} serves stream {}, which is not described",
                unknown.map_or("", |stream| stream)
            );
        }
        Ok(topology)
    }

    /// Creates what is missing and updates what differs; never deletes. Doing it twice changes nothing the second
    /// time: proved by `provisioning_twice_changes_nothing`.
    ///
    /// # Errors
    /// The broker refused, in its own words, with the stream or consumer it was about.
    pub async fn apply(&self, bus: &Bus, replicas: usize) -> anyhow::Result<Vec<Change>> {
        self.each(bus, replicas, true).await
    }

    /// What [`Self::apply`] would change.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn plan(&self, bus: &Bus, replicas: usize) -> anyhow::Result<Vec<Change>> {
        self.each(bus, replicas, false).await
    }

    async fn each(&self, bus: &Bus, replicas: usize, write: bool) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (name, spec) in &self.streams {
            let shape = |config: &mut stream::Config| spec.write_to(config, name, replicas);
            let change = stream(bus, name, shape, write).await.with_context(|| format!("stream {name}"))?;
            changes.push(Change::new("stream", name, change));
        }
        for (name, spec) in &self.buckets {
            let shape = |config: &mut stream::Config| spec.write_to(config, name, replicas);
            let backing = stream_name(name);
            let change =
                stream(bus, &backing, shape, write).await.with_context(|| format!("bucket {name}"))?;
            changes.push(Change::new("bucket", name, change));
        }
        for (name, spec) in &self.consumers {
            let change =
                consumer(bus, name, spec, write).await.with_context(|| format!("consumer {name}"))?;
            changes.push(Change::new("consumer", name, change));
        }
        Ok(changes)
    }
}

/// What differed, by field; `None`: it did not exist.
type Differences = Option<Vec<String>>;

async fn stream(
    bus: &Bus,
    name: &str,
    shape: impl Fn(&mut stream::Config),
    write: bool,
) -> anyhow::Result<Differences> {
    use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};

    let found = match bus.jetstream().get_stream(name).await {
        Ok(stream) => Some(stream.cached_info().config.clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(problem) if problem.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                None
            }
            _ => return Err(error.into()),
        },
    };
    // Start from what is there, so that what an operator added (placement, a mirror's sources) stays.
    let mut wanted = found.clone().unwrap_or_default();
    shape(&mut wanted);
    let differences = found.as_ref().map(|found| compare(&stream_fields(found), &stream_fields(&wanted)));
    if write && !differences.as_ref().is_some_and(Vec::is_empty) {
        let stored = bus.jetstream().create_or_update_stream(wanted.clone()).await?.config;
        refuse_silence(&compare(&stream_fields(&stored), &stream_fields(&wanted)))?;
    }
    Ok(differences)
}

async fn consumer(bus: &Bus, name: &str, spec: &ConsumerSpec, write: bool) -> anyhow::Result<Differences> {
    use async_nats::jetstream::{ErrorCode, stream::ConsumerErrorKind};

    let found: Option<pull::Config> =
        match bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(name, &spec.stream).await {
            Ok(consumer) => Some(pull_config(&consumer)?),
            Err(error) => match error.kind() {
                ConsumerErrorKind::JetStream(problem)
                    if [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND]
                        .contains(&problem.error_code()) =>
                {
                    None
                }
                _ => return Err(error.into()),
            },
        };
    let mut wanted = found.clone().unwrap_or_default();
    spec.write_to(&mut wanted, name);
    let differences = found.as_ref().map(|found| compare(&consumer_fields(found), &consumer_fields(&wanted)));
    if write && !differences.as_ref().is_some_and(Vec::is_empty) {
        let stored = bus.jetstream().create_consumer_on_stream(wanted.clone(), spec.stream.as_str()).await?;
        let mut ignored = compare(&consumer_fields(&pull_config(&stored)?), &consumer_fields(&wanted));
        // A server that recovered the consumer from its disk answers a first change with what was there before, and
        // makes it all the same. Proved by `a_consumer_is_changed_after_a_restart_of_the_broker`.
        for _ in 0..STALE_ANSWERS {
            if ignored.is_empty() {
                break;
            }
            tokio::time::sleep(STALE_PAUSE).await;
            let stored =
                bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(name, &spec.stream).await?;
            ignored = compare(&consumer_fields(&pull_config(&stored)?), &consumer_fields(&wanted));
        }
        refuse_silence(&ignored)?;
    }
    Ok(differences)
}

fn pull_config(consumer: &PullConsumer) -> anyhow::Result<pull::Config> {
    use async_nats::jetstream::consumer::FromConsumer as _;

    pull::Config::try_from_consumer_config(consumer.cached_info().config.clone())
        .map_err(anyhow::Error::from_boxed)
}

/// A server that drops what it does not know answers without an error; only the answer shows it.
fn refuse_silence(differences: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(differences.is_empty(), "the server ignored {}", differences.join(", "));
    Ok(())
}

impl StreamSpec {
    fn write_to(&self, config: &mut stream::Config, name: &str, replicas: usize) {
        name.clone_into(&mut config.name);
        config.subjects.clone_from(&self.subjects);
        config.retention = RetentionPolicy::Limits;
        config.storage = StorageType::File;
        config.discard = DiscardPolicy::New;
        config.num_replicas = replicas;
        config.max_age = Duration::from_hours(self.max_age_hours);
        config.max_bytes = self.max_bytes;
        config.max_messages_per_subject = -1;
        config.max_message_size = self.max_message_bytes;
        config.duplicate_window = Duration::from_secs(self.duplicate_window_seconds);
        config.allow_direct = true;
        config.compression = Some(Compression::S2);
        config.allow_atomic_publish = true;
    }
}

impl ConsumerSpec {
    fn write_to(&self, config: &mut pull::Config, name: &str) {
        config.durable_name = Some(name.to_owned());
        config.name = Some(name.to_owned());
        // The server keeps one filter in one field and several in another, and refuses both at once.
        (config.filter_subject, config.filter_subjects) = match self.filter_subjects.as_slice() {
            [single] => (single.clone(), Vec::new()),
            several => (String::new(), several.to_vec()),
        };
        config.headers_only = false;
        config.ack_policy = AckPolicy::Explicit;
        config.ack_wait = Duration::from_secs(self.ack_wait_seconds);
        config.max_deliver = self.max_deliver;
        config.max_ack_pending = self.max_ack_pending;
        config.max_waiting = self.max_waiting;
    }
}

impl Change {
    fn new(kind: &'static str, name: &str, differences: Differences) -> Self {
        let action = match &differences {
            None => Action::Created,
            Some(differences) if differences.is_empty() => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        Self { kind, name: name.to_owned(), action, differences: differences.unwrap_or_default() }
    }
}

/// A field by name, printed for comparison.
type Fields = Vec<(&'static str, String)>;

fn stream_fields(config: &stream::Config) -> Fields {
    vec![
        ("subjects", config.subjects.join(" ")),
        ("retention", format!("{:?}", config.retention)),
        ("storage", format!("{:?}", config.storage)),
        ("discard", format!("{:?}", config.discard)),
        ("replicas", config.num_replicas.to_string()),
        ("max_age", format!("{:?}", config.max_age)),
        ("max_bytes", config.max_bytes.to_string()),
        ("max_messages_per_subject", config.max_messages_per_subject.to_string()),
        ("max_message_bytes", config.max_message_size.to_string()),
        ("duplicate_window", format!("{:?}", config.duplicate_window)),
        ("allow_direct", config.allow_direct.to_string()),
        ("compression", format!("{:?}", config.compression)),
        ("allow_atomic_publish", config.allow_atomic_publish.to_string()),
        ("allow_rollup", config.allow_rollup.to_string()),
    ]
}

fn consumer_fields(config: &pull::Config) -> Fields {
    vec![
        ("filter", [config.filter_subject.clone(), config.filter_subjects.join(" ")].concat()),
        ("headers_only", config.headers_only.to_string()),
        ("ack_policy", format!("{:?}", config.ack_policy)),
        ("ack_wait", format!("{:?}", config.ack_wait)),
        ("max_deliver", config.max_deliver.to_string()),
        ("max_ack_pending", config.max_ack_pending.to_string()),
        ("max_waiting", config.max_waiting.to_string()),
    ]
}

fn compare(found: &Fields, wanted: &Fields) -> Vec<String> {
    let pairs = found.iter().zip(wanted).filter(|(found, wanted)| found != wanted);
    pairs.map(|((name, found), (_, wanted))| format!("{name}: {found} → {wanted}")).collect()
}

#[cfg(test)]
mod tests {
    use super::Topology;
    use crate::claim;

    #[test]
    fn the_embedded_topology_is_valid() {
        let topology = Topology::embedded();
        for (name, stream) in &topology.streams {
            assert!(stream.duplicate_window_seconds <= stream.max_age_hours * 3600, "{name}");
            assert!(stream.max_message_bytes < 1_048_576, "{name}: above the broker's own limit");
        }
        for (name, consumer) in &topology.consumers {
            // Twice the attempts that an event has by default: a delivery that ends without a word is no attempt.
            assert!(consumer.max_deliver >= 10, "{name} has no deliveries to spare");
        }
        for (name, bucket) in &topology.buckets {
            for stream in &bucket.serves {
                let needed = topology.streams[stream].max_age_hours + claim::REUSE.as_secs() / 3600;
                assert!(bucket.max_age_hours >= needed, "{name} would forget before {stream} does");
            }
        }
    }

    #[test]
    fn a_consumer_of_an_unknown_stream_is_refused_by_name() {
        let text = "[streams]\n[consumers.x]\nstream = \"NONE\"\nfilter_subjects = []\nack_wait_seconds = 1\nmax_deliver = 1\nmax_ack_pending = 1\nmax_waiting = 1";
        let error = Topology::parse(text).unwrap_err().to_string();
        assert!(error.contains("consumer x") && error.contains("NONE"), "{error}");
    }
}
