//! One step of a job: some items are claimed, loaded, published, and marked.

use std::num::NonZeroU32;

use bus::{Bus, PublishError, Publisher, claim::name_of};
use bytes::Bytes;
use contract::{EventId, Replay, metric, replay, stream};
use futures::{StreamExt as _, stream as futures_stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry::{KeyValue, metrics::Counter};
use sqlx::PgPool;
use store::replays::{self, Edit, Item, Job, JobStatus, Refusal};
use time::OffsetDateTime;
use tracing::info;
use uuid::Uuid;

use crate::{
    LoadError, Original, edit,
    original::{extensions, load, refusal},
};

/// Most items that are claimed at one time. A pause takes effect between two claims.
const CLAIM_MAX: u32 = 200;
/// Bodies that are in memory at one time have so many bytes together, or are one.
const BODIES_MAX_BYTES: usize = 16_777_216;
/// Events that wait for their acknowledgement at one time.
const IN_FLIGHT_MAX: usize = 64;

/// What the runner needs to work on any job.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    bus: Bus,
    pool: PgPool,
    publisher: Publisher,
    replayed: Counter<u64>,
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
        Self { publisher: Publisher::new(&bus, nats), bus, pool, replayed }
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
        let claim = event.envelope.extensions.get("claim");
        if let (Some(name), Some(body)) = (claim, claimed)
            && *name == name_of(&body)
        {
            // It may have expired since; put again it lives as long as the message that names it.
            self.publisher
                .claims()
                .put(&body)
                .await
                .map_err(|_| Problem::Away(PublishError::Unavailable(None)))?;
        }
        let receipt = self.publisher.publish_again(event, &trace).await.map_err(|error| match error {
            PublishError::TooLarge { .. } => Problem::Refused(refusal("event_too_large", error.to_string())),
            // A full stream has room again some day; what it says is logged while the job waits.
            away => Problem::Away(away),
        })?;
        Ok(receipt.sequence)
    }
}

/// The event as it is published again.
fn again(job: &Job, item: &Item, original: Original, edit: Option<Edit>) -> Result<bus::Event, Refusal> {
    if let (Some(code), None) = (original.envelope.rejected, &edit) {
        return Err(refusal("rejected", format!("the edge refused it ({code})")));
    }
    let consumer = item.consumer.as_deref();
    let token =
        edit.as_ref().map_or_else(|| original.token.clone(), |edit| edit::token(&original, &edit.event_type));
    let Original { mut envelope, mut payload, provider, stream, .. } = original;
    envelope.dedup_key =
        replay::dedup_key(&envelope.dedup_key, envelope.replayed_from.is_some(), job.id, consumer);
    envelope.id = EventId(item.replay_id);
    envelope.replayed_from = Some(Replay {
        event: EventId(item.event_id),
        root: EventId(item.root_id),
        job: Some(job.id),
        force_effects: job.force_effects,
    });
    envelope.rejected = None;
    if let Some(edit) = edit {
        envelope.event_type = edit.event_type;
        envelope.subject = edit.subject;
        envelope.action = edit.hook_action;
        if edit.extensions.is_some() {
            envelope.extensions = extensions(edit.extensions.as_ref());
        }
        payload = Bytes::from(edit.body);
    }
    let subject = match consumer {
        None => stream::ingest_subject(provider, &token),
        Some(consumer) => stream::replay_subject(provider, consumer, &token),
    };
    Ok(bus::Event { stream, subject, envelope, payload })
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
