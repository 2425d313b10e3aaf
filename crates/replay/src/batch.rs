//! One step of a job: some items are claimed, loaded, published, and marked.

use std::{num::NonZeroU32, sync::Arc};

use bus::{
    Bus, PublishError, Publisher,
    claim::{ClaimError, name_of},
};
use bytes::Bytes;
use contract::metric;
use futures::{StreamExt as _, stream as futures_stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry::{KeyValue, metrics::Counter};
use sqlx::PgPool;
use store::replays::{self, Edit, Item, Job, JobStatus, Refusal};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tracing::info;
use uuid::Uuid;

use crate::{
    LoadError, Original,
    again::again,
    original::{load, refusal},
};

/// Most items that are claimed at one time. A pause takes effect between two claims.
const CLAIM_MAX: u32 = 200;
/// Bodies that are in memory at one time have so many bytes together, or are one.
const BODIES_MAX_BYTES: usize = 16_777_216;
/// Events that wait for their acknowledgement at one time.
const IN_FLIGHT_MAX: usize = 64;
/// Largest body beside its message, bytes.
const CLAIM_MAX_BYTES: usize = 67_108_864;

/// What the runner needs to work on any job.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    bus: Bus,
    pool: PgPool,
    publisher: Publisher,
    replayed: Counter<u64>,
    /// Held while a claimed body is in memory: one at a time.
    renewing: Arc<Mutex<()>>,
}

/// How a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There may be more.
    More,
    /// Somebody paused or aborted it, or it is completed.
    Over,
}

/// Something that every item needs is away: to be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Away {
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
    #[error("events cannot be loaded")]
    Source(#[from] LoadError),
    #[error("the stream does not take events")]
    Stream(#[source] PublishError),
}

/// Why one item was not published.
enum Problem {
    /// It never will be.
    Refused(Refusal),
    /// Not now.
    Away(PublishError),
}

impl Engine {
    pub(crate) fn new(bus: Bus, pool: PgPool, nats: &config::Nats) -> Self {
        let replayed = telemetry::meter()
            .u64_counter(metric::REPLAYED_EVENTS)
            .with_description("Events that replay jobs published again, or could not")
            .build();
        Self { publisher: Publisher::new(&bus, nats), bus, pool, replayed, renewing: Arc::default() }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Publishes the next items of a job. What is claimed and not marked, because something was away or the process
    /// died, is published again under the same id and key: the stream, and behind it the ledger, know both.
    pub(crate) async fn step(&self, job: &Job, limiter: &DefaultDirectRateLimiter) -> Result<Progress, Away> {
        let now = OffsetDateTime::now_utc();
        // Half a second's worth, so that a job that is told to stop does.
        let size = (rate(job).get() / 2).clamp(1, CLAIM_MAX);
        let ids: Vec<_> = (0..size).map(|_| Uuid::now_v7()).collect();
        let mut transaction = self.pool.begin().await?;
        let items = replays::claim(&mut transaction, job.id, &ids, now).await?;
        if items.is_empty() {
            let completed = (JobStatus::Completed, &[JobStatus::Running]);
            if replays::set_status(&mut transaction, job.id, completed.1, completed.0, now).await? {
                info!(replay.job = job.name, "replay completed");
            }
            transaction.commit().await?;
            return Ok(Progress::Over);
        }
        transaction.commit().await?;
        for group in self.groups(&items).await? {
            self.group(job, group, limiter).await?;
        }
        Ok(Progress::More)
    }

    /// Items whose bodies fit into memory together.
    async fn groups<'a>(&self, items: &'a [Item]) -> sqlx::Result<Vec<&'a [Item]>> {
        let ids: Vec<_> = items.iter().map(|item| item.event_id).collect();
        let sizes = replays::sizes(&mut *self.pool.acquire().await?, &ids).await?;
        let (mut groups, mut begin, mut bytes) = (Vec::new(), 0, 0_usize);
        for (index, item) in items.iter().enumerate() {
            let size = sizes.get(&item.event_id).copied().unwrap_or(0);
            if bytes.saturating_add(size) > BODIES_MAX_BYTES && index > begin {
                groups.extend(items.get(begin..index));
                (begin, bytes) = (index, 0);
            }
            bytes = bytes.saturating_add(size);
        }
        groups.extend(items.get(begin..));
        Ok(groups)
    }

    async fn group(&self, job: &Job, items: &[Item], limiter: &DefaultDirectRateLimiter) -> Result<(), Away> {
        let wanted: Vec<_> = items.iter().map(|item| (item.event_id, item.consumer.as_deref())).collect();
        let ids: Vec<_> = items.iter().map(|item| item.event_id).collect();
        let mut connection = self.pool.acquire().await?;
        let originals = load(&mut connection, Some(&self.bus), &wanted).await?;
        let mut edits = replays::edits(&mut connection, job.id, &ids).await?;
        drop(connection);
        let work = items.iter().cloned().zip(originals).map(|(item, original)| {
            let edit = edits.iter().position(|edit| edit.event_id == item.event_id);
            (item, original, edit.map(|index| edits.swap_remove(index)))
        });
        let work: Vec<_> = work.collect();
        let results: Vec<_> = futures_stream::iter(work)
            .map(|(item, original, edit)| async move {
                limiter.until_ready().await;
                let published = match original {
                    Ok(original) => self.publish(job, &item, original, edit).await,
                    Err(refusal) => Err(Problem::Refused(refusal)),
                };
                (item.position, published)
            })
            .buffer_unordered(IN_FLIGHT_MAX)
            .collect()
            .await;
        self.mark(job, results).await
    }

    /// Commits what became of the items; then tells what was away.
    async fn mark(&self, job: &Job, results: Vec<(i32, Result<u64, Problem>)>) -> Result<(), Away> {
        let (mut published, mut failed, mut away) = (Vec::new(), Vec::new(), None);
        for (position, result) in results {
            match result {
                Ok(sequence) => published.push((position, sequence)),
                Err(Problem::Refused(refusal)) => failed.push((position, refusal)),
                Err(Problem::Away(error)) => away = Some(error),
            }
        }
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.pool.begin().await?;
        replays::publish(&mut transaction, job.id, &published, now).await?;
        replays::fail(&mut transaction, job.id, &failed, now).await?;
        transaction.commit().await?;
        for (outcome, count) in [("published", published.len()), ("failed", failed.len())] {
            self.replayed.add(count as u64, &[KeyValue::new("outcome", outcome)]);
        }
        away.map_or(Ok(()), |error| Err(Away::Stream(error)))
    }

    async fn publish(
        &self,
        job: &Job,
        item: &Item,
        original: Original,
        edit: Option<Edit>,
    ) -> Result<u64, Problem> {
        let (trace, claimed) = (original.trace.clone(), original.claimed.clone());
        let event = again(job, item, original, edit).map_err(Problem::Refused)?;
        if let Some(name) = event.envelope.extensions.get("claim") {
            self.keep_claim(name, claimed).await?;
        }
        let receipt = self.publisher.publish_again(event, &trace).await.map_err(|error| match error {
            PublishError::TooLarge { .. } => Problem::Refused(refusal("event_too_large", error.to_string())),
            // A full stream has room again some day; what it says is logged while the job waits.
            away => Problem::Away(away),
        })?;
        Ok(receipt.sequence)
    }

    /// The object that a message names must live as long as the message does. Where it has expired and nobody has its
    /// bytes, no consumer could do anything with the replay. Proved by
    /// `an_event_whose_object_is_gone_is_refused_instead_of_sent_to_die`.
    async fn keep_claim(&self, name: &str, claimed: Option<Bytes>) -> Result<(), Problem> {
        let claims = self.publisher.claims();
        let kept = if let Some(body) = claimed.filter(|body| name_of(body) == name) {
            claims.put(&body).await.map(drop)
        } else {
            let _one = self.renewing.lock().await;
            claims.renew(name, CLAIM_MAX_BYTES).await
        };
        kept.map_err(|error| match error {
            ClaimError::Unavailable(_) => Problem::Away(PublishError::Unavailable(None)),
            gone => Problem::Refused(refusal("body_gone", gone.to_string())),
        })
    }
}

/// How many events a job may publish in a second.
fn rate(job: &Job) -> NonZeroU32 {
    u32::try_from(job.rate_per_second).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

/// Keeps a job to its rate, in even steps: a twentieth of a second's worth may go at once.
pub(crate) fn limiter(job: &Job) -> DefaultDirectRateLimiter {
    let rate = rate(job);
    let burst = NonZeroU32::new(rate.get() / 20).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))
}
