//! The consumer `dead-letters`: advisories become dead letters, in batches.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};
use audit::{AuditError, Burial, GivenUp, Incarnation, Outcome as Buried};
use bus::{Bus, Topology};
use consumer::{Batch, Failure, Journal, Message, Outcome, Received};
use contract::metric;
use opentelemetry::{KeyValue, metrics::Counter};
use sqlx::PgPool;
use store::dead_letters::{self, FoundBy};
use time::OffsetDateTime;
use tracing::{error, warn};

use crate::advisory::{self, Advisory, GaveUp};

/// After this long a stream that is not there is asked for again.
const GONE_PAUSE: Duration = Duration::from_secs(1);

/// Records what the advisories tell of.
pub(crate) struct Recorder {
    bus: Bus,
    pool: PgPool,
    burial: Burial,
    topology: Topology,
    handled: Counter<u64>,
    recorded: Counter<u64>,
}

impl Recorder {
    pub(crate) fn new(bus: &Bus, pool: PgPool, nats: &config::Nats, audit: &config::Audit) -> Self {
        let meter = telemetry::meter();
        Self {
            bus: bus.clone(),
            burial: Burial::new(bus, &pool, nats, audit),
            topology: Topology::embedded(),
            pool,
            handled: meter
                .u64_counter(metric::ADVISORIES_HANDLED)
                .with_description("Advisories by what the recorder made of them")
                .build(),
            recorded: meter
                .u64_counter(metric::DEAD_LETTERS_RECORDED)
                .with_description("Dead letters recorded without their consumer's verdict")
                .build(),
        }
    }

    /// When the server made each of the streams; a stream that is gone is absent.
    async fn incarnations(&self, told: &Told<'_>) -> Result<HashMap<&'static str, OffsetDateTime>, Failure> {
        let mut incarnations = HashMap::new();
        for stream in told.keys().map(|(stream, _)| *stream) {
            if incarnations.contains_key(stream) {
                continue;
            }
            let mut created = self.created(stream).await?;
            if created.is_none() {
                // A server that is stopping says so of streams that it has closed already.
                tokio::time::sleep(GONE_PAUSE).await;
                created = self.created(stream).await?;
            }
            incarnations.extend(created.map(|created| (stream, created)));
        }
        Ok(incarnations)
    }

    async fn created(&self, stream: &'static str) -> Result<Option<OffsetDateTime>, Failure> {
        match self.bus.jetstream().get_stream(stream).await {
            Ok(handle) => Ok(Some(handle.cached_info().created)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(problem)
                    if problem.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(Failure::Unavailable { source: error.into() }),
            },
        }
    }

    /// What has to be recorded of what one consumer lost: most of it is, by the consumer's own verdict.
    async fn lacking<'a>(
        &self,
        (stream, consumer): (&str, &str),
        incarnation: Option<OffsetDateTime>,
        told: &'a BTreeMap<u64, &'a GaveUp>,
    ) -> Result<Vec<GivenUp>, Failure> {
        let mut connection = self.pool.acquire().await.map_err(service::failure)?;
        let complete = match incarnation {
            None => std::collections::HashSet::new(),
            Some(created) => {
                let sequences: Vec<_> =
                    told.values().filter(|told| told.at >= created).map(|told| told.sequence).collect();
                dead_letters::complete_at(&mut connection, (stream, created), consumer, &sequences)
                    .await
                    .map_err(service::failure)?
            }
        };
        let lacking = told.values().filter(|told| !complete.contains(&told.sequence));
        Ok(lacking.map(|told| given_up(told, incarnation)).collect())
    }

    fn count(&self, outcome: &'static str, advisories: usize) {
        let advisories = u64::try_from(advisories).unwrap_or(u64::MAX);
        self.handled.add(advisories, &[KeyValue::new("outcome", outcome)]);
    }
}

/// What each consumer of each stream lost, by position: an advisory may come twice.
type Told<'a> = BTreeMap<(&'static str, &'a str), BTreeMap<u64, &'a GaveUp>>;

fn given_up(told: &GaveUp, incarnation: Option<OffsetDateTime>) -> GivenUp {
    GivenUp {
        provider: told.provider,
        stream: told.stream.to_owned(),
        consumer: told.consumer.clone(),
        sequence: told.sequence,
        event_id: None,
        // Said before the stream was made, it is about another message in the same place.
        incarnation: match incarnation {
            Some(created) if told.at >= created => Incarnation::Current(created),
            Some(created) => Incarnation::Before(created),
            None => Incarnation::Before(told.at),
        },
        attempts: told.deliveries,
        code: told.code.clone(),
        error: told.error.clone(),
    }
}

impl Batch for Recorder {
    type Event = Advisory;

    /// Advisories are the server's own.
    const OURS: bool = false;

    fn decode(&self, message: &Message) -> Result<Advisory, Failure> {
        let advisory = advisory::read(&message.payload)?;
        // Somebody's own consumer on one of our streams, to look at events for a while, owes nobody an account.
        let is_ours = |gave_up: &GaveUp| {
            self.topology.consumers.get(&gave_up.consumer).is_some_and(|spec| spec.stream == gave_up.stream)
        };
        Ok(match advisory {
            Advisory::GaveUp(gave_up) if !is_ours(&gave_up) => Advisory::Foreign,
            advisory => advisory,
        })
    }

    async fn apply(&self, received: &[Received<Advisory>]) -> Result<(), Failure> {
        let mut told = Told::new();
        for Received { event, .. } in received {
            if let Advisory::GaveUp(gave_up) = event {
                told.entry((gave_up.stream, gave_up.consumer.as_str()))
                    .or_default()
                    .insert(gave_up.sequence, gave_up);
            }
        }
        let incarnations = self.incarnations(&told).await?;
        let (mut recorded, mut settled, mut distinct) = (0, 0, 0);
        for ((stream, consumer), told) in &told {
            let incarnation = incarnations.get(stream).copied();
            let lacking = self.lacking((stream, consumer), incarnation, told).await?;
            let now = OffsetDateTime::now_utc();
            let outcomes = self.burial.bury(&lacking, FoundBy::Advisory, now).await.map_err(failure)?;
            for (one, outcome) in lacking.iter().zip(outcomes) {
                match outcome {
                    Buried::Recorded => {
                        recorded += 1;
                        let labels = [
                            KeyValue::new("provider", one.provider),
                            KeyValue::new("consumer", one.consumer.clone()),
                            KeyValue::new("found_by", "advisory"),
                        ];
                        self.recorded.add(1, &labels);
                    }
                    Buried::Settled => settled += 1,
                    Buried::Known => {}
                }
            }
            distinct += told.len();
        }
        let ours = received.iter().filter(|received| received.event != Advisory::Foreign).count();
        self.count("recorded", recorded);
        self.count("settled", settled);
        self.count("known", ours - recorded - settled);
        self.count("foreign", received.len() - ours);
        if recorded > 0 {
            warn!(recorded, advisories = distinct, "dead letters recorded from the broker's advisories");
        }
        Ok(())
    }
}

fn failure(error: AuditError) -> Failure {
    match error {
        AuditError::Database(error) => service::failure(error),
        error @ (AuditError::Broker { .. } | AuditError::Unsure { .. }) => {
            Failure::Unavailable { source: error.into() }
        }
    }
}

impl Journal for Recorder {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    /// An advisory has no account of its own: what it was about is found by the audit.
    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        if let Outcome::Dead { code, error } = outcome {
            error!(sequence = message.sequence, code = code.as_str(), error, "an advisory is given up");
        }
        Ok(())
    }
}
