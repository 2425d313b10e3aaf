//! The pull loop: asks for what there is room for, hands on what comes, and stops asking when the process drains.

use std::{pin::pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use async_nats::jetstream::{self, consumer::PullConsumer};
use bus::Bus;
use futures::StreamExt as _;
use lifecycle::Shutdown;
use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::{debug, info, warn};

use crate::{
    Account, Backoff, Batch, Journal, Message,
    breaker::Breaker,
    patience::Patience,
    settle::Ticket,
    tend::Tender,
    work::{Item, Work},
};

/// How long one pull waits for events. Short, since a drain waits for the pull in progress: what the server sends for
/// an abandoned pull would only come again after the acknowledgement wait.
pub(crate) const PULL_EXPIRES: Duration = Duration::from_secs(1);
/// How long events wait at most to be joined by others while a batch is at work.
const GATHER_MAX: Duration = Duration::from_millis(20);
/// A batch of few begins no sooner than this after the one before it (but for the last of a pull, which nothing will join):
/// where events come one after the other, each transaction has an fsync to pay, and the broker, which may share the disk,
/// waits for it too.
const PACE: Duration = Duration::from_millis(5);
/// Wait after a pull that failed.
const PULL_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// The durable consumer to pull from.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Its stream.
    pub stream: &'static str,
    /// Its name.
    pub consumer: &'static str,
}

/// Starts pulling as a required task of `shutdown`, until a drain. What is in flight then is finished; the drain waits.
///
/// # Errors
/// The consumer does not exist, the broker did not answer, or the consumer delivers an event no more often than it may be
/// attempted: deliveries end without an attempt, when a process is killed or stopped. Proved by
/// `a_consumer_without_deliveries_to_spare_is_refused`.
pub async fn start<H: Batch + Journal>(
    bus: &Bus,
    source: Source,
    settings: &config::Consumer,
    handler: H,
    shutdown: &Shutdown,
) -> anyhow::Result<Arc<Account>> {
    let Source { stream, consumer: name } = source;
    let consumer: PullConsumer = bus
        .jetstream()
        .get_consumer_from_stream(name, stream)
        .await
        .with_context(|| format!("consumer {name} of stream {stream}: run `weir provision`"))?;
    let limits = &consumer.cached_info().config;
    let deliveries_max = u64::try_from(limits.max_deliver).unwrap_or(u64::MAX);
    anyhow::ensure!(
        deliveries_max > settings.attempts_max,
        "consumer {name} of stream {stream} delivers an event {deliveries_max} times at most, which must be more than \
         its attempts_max = {}: run `weir provision`, or lower attempts_max",
        settings.attempts_max
    );
    let account = Account::new(name);
    let breaker = Breaker::new(name, &settings.breaker);
    let pull = Pull {
        bus: bus.clone(),
        name,
        attempts_max: settings.attempts_max,
        deliveries_max,
        room: Arc::new(Semaphore::new(settings.batch_max * settings.concurrency)),
        batch_max: settings.batch_max,
        work: Arc::new(Work {
            handler,
            account: Arc::clone(&account),
            backoff: Backoff::new(
                Duration::from_millis(settings.retry_base_ms),
                Duration::from_millis(settings.retry_max_ms),
            ),
            handle_timeout: Duration::from_millis(settings.handle_timeout_ms),
            progress_interval: limits.ack_wait / 3,
            slots: Semaphore::new(settings.concurrency),
            slots_max: settings.concurrency,
            done: Notify::new(),
            lone: Mutex::new(()),
            patience: Patience::new(&account, shutdown),
            breaker: Arc::clone(&breaker),
        }),
        account: Arc::clone(&account),
        shutdown: shutdown.clone(),
        consumer,
    };
    info!(consumer = name, batch_max = settings.batch_max, concurrency = settings.concurrency, "consuming");
    let tender = Tender {
        bus: bus.clone(),
        source,
        consumer: pull.consumer.clone(),
        account: Arc::clone(&account),
        breaker,
        shutdown: shutdown.clone(),
    };
    shutdown.spawn(tender.run());
    shutdown.spawn_required(name, pull.run());
    Ok(account)
}

struct Pull<H> {
    bus: Bus,
    name: &'static str,
    consumer: PullConsumer,
    attempts_max: u64,
    deliveries_max: u64,
    batch_max: usize,
    room: Arc<Semaphore>,
    work: Arc<Work<H>>,
    account: Arc<Account>,
    shutdown: Shutdown,
}

impl<H: Batch + Journal> Pull<H> {
    async fn run(self) -> anyhow::Result<()> {
        let mut failures = 0;
        let mut begun = None;
        while !self.shutdown.is_draining() {
            let pulled = tokio::select! {
                room = self.room() => self.pull(room, &mut begun).await,
                () = self.shutdown.draining() => break,
            };
            let Err(error) = pulled else {
                failures = 0;
                continue;
            };
            warn!(consumer = self.name, error = %format!("{error:#}"), "pull failed");
            failures += 1;
            let recovered = async {
                tokio::time::sleep(PULL_RETRY.delay(failures)).await;
                self.bus.connected().await;
            };
            tokio::select! {
                () = recovered => {}
                () = self.shutdown.draining() => break,
            }
        }
        debug!(consumer = self.name, "no longer pulling");
        Ok(())
    }

    /// Waits until there is room for an event and it can be worked on, then takes all the room there is, up to one
    /// batch.
    async fn room(&self) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let mut room = room.expect("the semaphore is never closed");
        // After the first room: much may have happened while it was waited for.
        self.work.breaker.flowing().await;
        self.work.patience.ready(&self.work.handler).await;
        while room.num_permits() < self.batch_max {
            match Arc::clone(&self.room).try_acquire_owned() {
                Ok(more) => room.merge(more),
                Err(_) => break,
            }
        }
        room
    }

    /// One pull. What comes while nothing is at work is a batch at once, so that a lone event never waits for company,
    /// unless the batch before it has only just `begun`. What comes while a batch is at work joins the next one, which
    /// begins when that work is done, the batch is full, or twenty milliseconds are over: so there are few transactions
    /// where events come one after the other, and as many at one time as `concurrency` allows where they come in crowds.
    async fn pull(&self, mut room: OwnedSemaphorePermit, begun: &mut Option<Instant>) -> anyhow::Result<()> {
        // No `.heartbeat()`: with async-nats 0.51 it swallows messages.
        let pulling = self.consumer.batch().max_messages(room.num_permits()).expires(PULL_EXPIRES).messages();
        let mut chunks = pulling.await.map_err(anyhow::Error::from)?.ready_chunks(self.batch_max);
        let (mut gathered, mut since) = (Vec::new(), Instant::now());
        loop {
            let next = begun.map_or(since, |begun| begun + PACE);
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                () = self.gathering(since, next), if !gathered.is_empty() => {
                    *begun = Some(Instant::now());
                    self.hand_on(std::mem::take(&mut gathered), &mut room);
                    continue;
                }
                // The client would wait for the whole expiry and five seconds more.
                () = self.bus.disconnected() => {
                    self.hand_on(gathered, &mut room);
                    anyhow::bail!("the broker went away");
                }
            };
            let Some(chunk) = chunk else {
                self.hand_on(gathered, &mut room);
                return Ok(());
            };
            let now = Instant::now();
            if gathered.is_empty() {
                since = now;
            }
            let mut failure = None;
            for message in chunk {
                match message {
                    Ok(message) => gathered.push(message),
                    Err(error) => failure = Some(error),
                }
            }
            if let Some(error) = failure {
                self.hand_on(gathered, &mut room);
                return Err(anyhow::Error::from_boxed(error));
            }
            if gathered.len() >= room.num_permits() || (self.work.is_idle() && now >= next) {
                *begun = Some(now);
                self.hand_on(std::mem::take(&mut gathered), &mut room);
            }
        }
    }

    /// Returns when the events that came `since` then should be handed on, not before `next`, which is soon in any case:
    /// until they are, nobody tells the server that we have them.
    async fn gathering(&self, since: Instant, next: Instant) {
        let mut done = pin!(self.work.done.notified());
        // From here on, so that what ends before it is waited for is not missed.
        done.as_mut().enable();
        if !self.work.is_idle() {
            tokio::time::timeout_at(since + GATHER_MAX, done).await.ok();
        }
        tokio::time::sleep_until(next).await;
    }

    fn hand_on(&self, received: Vec<jetstream::Message>, room: &mut OwnedSemaphorePermit) {
        let Some(room) = room.split(received.len()).filter(|part| part.num_permits() > 0) else { return };
        let items: Vec<Item> = received.into_iter().map(|raw| self.item(raw)).collect();
        let work = Arc::clone(&self.work);
        self.shutdown.spawn(async move {
            work.batch(items).await;
            drop(room);
        });
    }

    fn item(&self, mut raw: jetstream::Message) -> Item {
        let (message, verdict) = Message::read(&mut raw, self.name, self.attempts_max, self.deliveries_max);
        let entry = self.account.receive(message.attempt > 1);
        let ticket = Ticket::new(self.bus.client().clone(), raw, entry, message.span.clone());
        Item { message, ticket, verdict }
    }
}
