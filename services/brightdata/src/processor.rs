//! The consumer `brightdata-processor`: ledger, records, jobs and drift, one transaction per batch; then the results.

use std::collections::{BTreeMap, HashMap};

use bus::{Bus, Publisher, claim::Claims};
use bytes::Bytes;
use consumer::{Batch, Failure, Message, Received};
use contract::{EventId, metric, stream::brightdata::PROVIDER};
use futures::future::try_join_all;
use opentelemetry::{KeyValue, metrics::Counter};
use service::{
    failure,
    ledger::{self, Admissions},
    span::StatementSpans,
};
use sqlx::{PgConnection, PgPool};
use store::{
    scrape_requests::{self, Observation, PartCounts, ScrapeRequest, observe},
    webhook_events::{self, Admitted},
};
use time::OffsetDateTime;

use crate::{
    body,
    reading::{Heading, Reading, Sort},
    said::{self, Said, snapshot_id},
    sort::Declared,
    telling::{self, Results},
    writing,
};

/// Stores batches of parts and notifications.
pub(crate) struct Processor {
    pub(crate) pool: PgPool,
    claims: Claims,
    publisher: Publisher,
    admissions: Admissions,
    records: Counter<u64>,
    warnings: Counter<u64>,
}

impl Processor {
    pub(crate) fn new(bus: &Bus, pool: PgPool, nats: &config::Nats) -> Self {
        let meter = telemetry::meter();
        Self {
            pool,
            claims: Claims::new(bus, nats),
            publisher: Publisher::new(bus, nats),
            admissions: Admissions::new(PROVIDER),
            records: meter
                .u64_counter(metric::BRIGHTDATA_RECORDS)
                .with_description("Records by outcome")
                .build(),
            warnings: meter
                .u64_counter(metric::BRIGHTDATA_WARNINGS)
                .with_description("Records with a warning or a refused value")
                .build(),
        }
    }

    /// The bodies of the parts, fetched where a message only stands for one.
    async fn bodies(&self, received: &[Received<Said>]) -> Result<Vec<Bytes>, Failure> {
        let body = async |Received { message, event }: &Received<Said>| match event {
            Said::Records { .. } => body::lines(&self.claims, message).await,
            Said::Empty | Said::Notice(_) | Said::Test => Ok(Bytes::new()),
        };
        try_join_all(received.iter().map(body)).await
    }
}

impl Batch for Processor {
    type Event = Said;

    fn decode(&self, message: &Message) -> Result<Said, Failure> {
        ledger::accepted(message)?;
        ledger::indexable(&ledger::event(PROVIDER, message))?;
        said::read(message)
    }

    /// Commits, then publishes the results: until both are done, the batch is not acknowledged.
    async fn apply(&self, received: &[Received<Said>]) -> Result<(), Failure> {
        let bodies = self.bodies(received).await?;
        let messages = received.iter().map(|Received { message, .. }| message);
        let spans = StatementSpans::open("insert", "webhook_events", messages, &self.pool);
        let results = self.store(received, &bodies).await.map_err(|error| {
            spans.fail(&error);
            failure(error)
        })?;
        telling::publish(&self.publisher, received, &results).await
    }
}

impl Processor {
    /// Everything that a batch does, in one transaction. Gives what is to be told of it.
    async fn store(&self, received: &[Received<Said>], bodies: &[Bytes]) -> sqlx::Result<Results> {
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.pool.begin().await?;
        let events: Vec<_> =
            received.iter().map(|Received { message, .. }| ledger::event(PROVIDER, message)).collect();
        let admitted = webhook_events::admit(&mut transaction, &events, now).await?;
        let standings = standings(&mut transaction, received, &admitted).await?;
        let jobs = jobs(&mut transaction, received).await?;
        let mut parts = read(received, bodies, &standings, &jobs);

        let fresh: Vec<_> = parts.iter_mut().filter(|part| part.is_fresh).collect();
        writing::records(&mut transaction, fresh).await?;
        // Jobs and drift come last: they are rows that many batches share, and are locked from here to the commit.
        let observations = observations(received, &standings, &parts);
        let observed = observe(&mut transaction, &observations, now).await?;
        let fresh: Vec<_> = parts.iter_mut().filter(|part| part.is_fresh).collect();
        writing::drift(&mut transaction, fresh, now).await?;
        transaction.commit().await?;

        self.admissions.count(&admitted);
        for part in parts.iter().filter(|part| part.is_fresh) {
            self.count(&part.reading);
        }
        Ok(telling::results(received, &standings, &parts, &observed, &jobs))
    }

    fn count(&self, reading: &Reading<'_>) {
        let labels = |(platform, kind): Sort| {
            let platform = platform.map_or("unknown", contract::brightdata::Platform::as_str);
            let kind = kind.map_or("unknown", contract::brightdata::Kind::as_str);
            [KeyValue::new("platform", platform), KeyValue::new("kind", kind)]
        };
        for ((sort, outcome), records) in &reading.tally {
            let [platform, kind] = labels(*sort);
            self.records.add(*records, &[platform, kind, KeyValue::new("outcome", *outcome)]);
        }
        for (sort, records) in &reading.warnings {
            self.warnings.add(*records, &labels(*sort));
        }
    }
}

/// What is to be done about one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// To be applied, under this row of the ledger.
    Fresh(EventId),
    /// Applied by an attempt whose acknowledgement never came, and perhaps its results neither: to be told again.
    Applied(EventId),
    /// Another message brought the same event before.
    Repeat,
}

/// A part with what was read in it.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Its place in the batch.
    pub(crate) index: usize,
    pub(crate) is_fresh: bool,
    pub(crate) heading: Heading<'a>,
    pub(crate) reading: Reading<'a>,
}

async fn standings(
    connection: &mut PgConnection,
    received: &[Received<Said>],
    admitted: &[Admitted],
) -> sqlx::Result<Vec<Standing>> {
    let ids = || {
        received
            .iter()
            .zip(admitted)
            .map(|(Received { message, .. }, admitted)| (message.envelope.id, admitted))
    };
    let repeated: Vec<_> =
        ids().filter(|(_, admitted)| **admitted == Admitted::Duplicate).map(|(id, _)| id).collect();
    let applied = webhook_events::completed(connection, &repeated).await?;
    let standing = |(id, admitted): (EventId, &Admitted)| match admitted.ledger_id(id) {
        Some(id) => Standing::Fresh(id),
        None if applied.contains(&id) => Standing::Applied(id),
        None => Standing::Repeat,
    };
    Ok(ids().map(standing).collect())
}

/// The jobs that the batch is about, as they were before it, by snapshot id.
async fn jobs(
    connection: &mut PgConnection,
    received: &[Received<Said>],
) -> sqlx::Result<HashMap<String, ScrapeRequest>> {
    let ids = received.iter().filter_map(|Received { message, .. }| snapshot_id(message).map(str::to_owned));
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let jobs = scrape_requests::find_by_snapshots(connection, &ids).await?;
    Ok(jobs.into_iter().filter_map(|job| Some((job.snapshot_id.clone()?, job))).collect())
}

fn read<'a>(
    received: &'a [Received<Said>],
    bodies: &'a [Bytes],
    standings: &[Standing],
    jobs: &'a HashMap<String, ScrapeRequest>,
) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(received.len());
    for (index, ((Received { message, event }, body), standing)) in
        received.iter().zip(bodies).zip(standings).enumerate()
    {
        let is_foreign = match event {
            Said::Records { is_foreign, .. } => *is_foreign,
            Said::Empty => false,
            Said::Notice(_) | Said::Test => continue,
        };
        let (event_id, is_fresh) = match standing {
            Standing::Fresh(id) => (*id, true),
            Standing::Applied(id) => (*id, false),
            Standing::Repeat => continue,
        };
        let heading = heading(message, event_id, jobs, is_foreign);
        parts.push(Part { index, is_fresh, heading, reading: Reading::of(heading, body) });
    }
    parts
}

fn heading<'a>(
    message: &'a Message,
    event_id: EventId,
    jobs: &'a HashMap<String, ScrapeRequest>,
    is_foreign: bool,
) -> Heading<'a> {
    let envelope = &message.envelope;
    let snapshot_id = snapshot_id(message);
    let job = snapshot_id.and_then(|id| jobs.get(id));
    let dataset_id = envelope.extensions.get("dataset").map(String::as_str);
    Heading {
        snapshot_id,
        event_id,
        received_at: envelope.time,
        dataset_id: dataset_id.or_else(|| job?.dataset_id.as_deref()),
        declared: Declared::of(envelope, job),
        is_foreign,
    }
}

/// What the events that are to be applied say of their jobs.
fn observations<'a>(
    received: &'a [Received<Said>],
    standings: &[Standing],
    parts: &'a [Part<'a>],
) -> Vec<Observation<'a>> {
    let parts: BTreeMap<usize, &Part<'_>> = parts.iter().map(|part| (part.index, part)).collect();
    let observation =
        |(index, (Received { message, event }, standing)): (usize, (&'a Received<Said>, &Standing))| {
            let Standing::Fresh(event_id) = *standing else { return None };
            let bare = Observation {
                snapshot_id: snapshot_id(message)?,
                event_id,
                seen_at: message.envelope.time,
                dataset_id: message.envelope.extensions.get("dataset").map(String::as_str),
                platform: None,
                kind: None,
                notice: scrape_requests::Notice::Data(PartCounts::default()),
            };
            match event {
                Said::Test => None,
                Said::Notice(notice) => Some(Observation {
                    dataset_id: bare.dataset_id.or(notice.dataset_id.as_deref()),
                    notice: told_status(notice),
                    ..bare
                }),
                Said::Records { .. } | Said::Empty => {
                    let part = parts.get(&index)?;
                    let (platform, kind) = part.reading.sort();
                    Some(Observation {
                        platform: platform.map(contract::brightdata::Platform::as_str),
                        kind: kind.map(contract::brightdata::Kind::as_str),
                        notice: scrape_requests::Notice::Data(part.reading.counts),
                        ..bare
                    })
                }
            }
        };
    received.iter().zip(standings).enumerate().filter_map(observation).collect()
}

fn told_status(notice: &contract::brightdata::Notice) -> scrape_requests::Notice<'_> {
    let count = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
    scrape_requests::Notice::Status {
        word: notice.status.as_deref().unwrap_or("unknown"),
        error_code: notice.error_code.as_deref(),
        error: notice.error.as_deref(),
        records: count(notice.records),
        errors: count(notice.errors),
    }
}
