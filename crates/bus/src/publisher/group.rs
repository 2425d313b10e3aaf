//! Group commit: events that wait at the same time for the same stream share one atomic batch. While one batch is being
//! committed the next one fills, so nobody waits for company. What a batch cannot take is handed back to be published
//! alone, by whoever waits for it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_nats::header::NATS_MESSAGE_ID;
use contract::metric;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use tracing::warn;

use super::{
    atomic::{self, Failed, Message},
    pace::Pace,
    recent::Recent,
};
use crate::Bus;

/// Events larger than this go alone: a batch saves fsyncs, and with these it is the bytes that cost.
const EVENT_MAX_BYTES: usize = 128 * 1024;
/// Events that a trial takes at least, half of them for each way, and at most for the single way.
const TRIAL_MIN: usize = 8;
const TRIAL_SINGLES_MAX: usize = 32;
/// How long a stream that takes no batches is left alone.
const UNSUPPORTED_PAUSE: Duration = Duration::from_mins(1);

/// What an event's batch came to.
#[derive(Debug)]
pub(super) enum Joined {
    /// Stored, for the first time, here.
    Stored {
        /// Where it lies.
        sequence: u64,
    },
    /// To be published alone.
    Alone {
        /// It may be stored by the batch, whose answer never came.
        may_be_stored: bool,
        /// To be dropped when that is done: somebody looks how long it takes.
        look: Option<mpsc::Sender<()>>,
    },
}

/// The events on their way to one stream.
#[derive(Debug)]
pub(super) struct Group {
    mode: config::PublishMode,
    queue: mpsc::Sender<Waiting>,
    pace: Pace,
    recent: Recent,
    /// Events that wait for an acknowledgement of their own, and all that wait.
    alone: AtomicUsize,
    waiting: AtomicUsize,
    /// Nobody waits for an acknowledgement of its own any more.
    idle: Notify,
    /// Both ways are about to be tried: everybody joins, so that nothing is beside them.
    trial: AtomicBool,
    /// Milliseconds since `start` until which batches are not tried.
    refused_until: AtomicU64,
    start: Instant,
    fallbacks: Counter<u64>,
    stream: &'static str,
}

/// One event that waits for its batch.
#[derive(Debug)]
struct Waiting {
    message: Message,
    size: usize,
    done: oneshot::Sender<Joined>,
}

/// Counts an event while it waits.
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Group {
    /// Starts the committer of one stream; it ends with the last of its group's owners.
    pub(super) fn start(bus: &Bus, config: &config::Nats, stream: &'static str) -> Arc<Self> {
        let meter = telemetry::meter();
        let (queue, waiting) = mpsc::channel(config.publish_in_flight_max.max(1));
        let group = Arc::new(Self {
            mode: config.publish_mode,
            queue,
            pace: Pace::new(),
            recent: Recent::default(),
            alone: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            idle: Notify::new(),
            trial: AtomicBool::new(false),
            refused_until: AtomicU64::new(0),
            start: Instant::now(),
            fallbacks: meter
                .u64_counter(metric::PUBLISH_FALLBACKS)
                .with_description("Events that their batch handed back to be published alone")
                .build(),
            stream,
        });
        let committer = Committer {
            bus: bus.clone(),
            group: Arc::downgrade(&group),
            batch_max: config.publish_batch_max,
            batch_max_bytes: config.publish_batch_max_bytes,
            timeout: config.publish_timeout() / 2,
            size: meter
                .u64_histogram(metric::PUBLISH_BATCH_SIZE)
                .with_description("Events in one batch")
                .with_boundaries(vec![2., 4., 8., 16., 32., 64., 128., 256., 512., 1024.])
                .build(),
            duration: meter
                .f64_histogram(metric::PUBLISH_BATCH_DURATION)
                .with_unit("s")
                .with_description("Time until a batch was committed")
                .build(),
            stream,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the publisher, after every delivery in flight: a drain that waits for these waits for it"
        )]
        tokio::spawn(committer.run(waiting));
        group
    }

    /// Counts an event as waiting.
    pub(super) fn enter(&self) -> Counted<'_> {
        Counted::new(&self.waiting)
    }

    /// Whether this event should share a batch.
    pub(super) fn takes(&self, key: &str, size: usize) -> bool {
        if self.mode == config::PublishMode::Single {
            return false;
        }
        let known = self.recent.is_known(key);
        let fits = !known && size <= EVENT_MAX_BYTES;
        fits && self.now() >= self.refused_until.load(Ordering::Relaxed)
            && (self.mode == config::PublishMode::Batch || self.pays())
    }

    fn pays(&self) -> bool {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if self.pace.begin_trial(waiting) {
            self.trial.store(true, Ordering::Relaxed);
        }
        self.trial.load(Ordering::Relaxed) || self.pace.batch_pays(waiting)
    }

    /// Waits for the event's batch, until `deadline` at most.
    pub(super) async fn join(&self, message: Message, size: usize, deadline: Instant) -> Joined {
        let (done, joined) = oneshot::channel();
        if self.queue.try_send(Waiting { message, size, done }).is_err() {
            return Joined::Alone { may_be_stored: false, look: None };
        }
        match tokio::time::timeout_at(deadline, joined).await {
            Ok(Ok(joined)) => joined,
            // The committer keeps what it took; nobody knows how far it came.
            Ok(Err(_)) | Err(_) => Joined::Alone { may_be_stored: true, look: None },
        }
    }

    /// Runs a publish of one event, counted as such.
    pub(super) async fn alone<T>(&self, publish: impl Future<Output = T>) -> T {
        let counted = Counted::new(&self.alone);
        let result = publish.await;
        drop(counted);
        if self.alone.load(Ordering::Relaxed) == 0 {
            self.idle.notify_one();
        }
        result
    }

    async fn until_idle(&self) {
        while self.alone.load(Ordering::Relaxed) > 0 {
            self.idle.notified().await;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hand_back(&self, events: impl IntoIterator<Item = oneshot::Sender<Joined>>, failed: Failed) {
        let may_be_stored = failed == Failed::Unanswered;
        let mut count = 0;
        for done in events {
            count += 1;
            done.send(Joined::Alone { may_be_stored, look: None }).ok();
        }
        if failed == Failed::Unsupported {
            let pause = u64::try_from(UNSUPPORTED_PAUSE.as_millis()).unwrap_or(u64::MAX);
            let until = self.now() + pause;
            if self.refused_until.swap(until, Ordering::Relaxed) < until.saturating_sub(pause / 2) {
                warn!(
                    stream = self.stream,
                    "stream takes no batches; publishing singly: run `weir provision`"
                );
            }
        }
        let labels = [KeyValue::new("stream", self.stream), KeyValue::new("reason", failed.as_str())];
        self.fallbacks.add(count, &labels);
    }
}

/// Makes the batches of one stream, one after the other.
struct Committer {
    bus: Bus,
    group: std::sync::Weak<Group>,
    batch_max: usize,
    batch_max_bytes: usize,
    timeout: Duration,
    size: Histogram<u64>,
    duration: Histogram<f64>,
    stream: &'static str,
}

impl Committer {
    async fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        let mut taken = Vec::with_capacity(self.batch_max);
        while queue.recv_many(&mut taken, self.batch_max).await > 0 {
            let Some(group) = self.group.upgrade() else { return };
            // Whoever stopped waiting published nothing yet.
            taken.retain(|event| !event.done.is_closed());
            let events = std::mem::take(&mut taken);
            if group.trial.load(Ordering::Relaxed) {
                self.trial(&group, &mut queue, events).await;
                group.trial.store(false, Ordering::Relaxed);
            } else {
                self.batches(&group, events).await;
            }
            taken.reserve(self.batch_max);
        }
    }

    /// Publishes some events singly and some as a batch, with nothing beside them, and sees how long each way takes.
    async fn trial(&self, group: &Group, queue: &mut mpsc::Receiver<Waiting>, mut events: Vec<Waiting>) {
        let idle = tokio::time::timeout(self.timeout, group.until_idle()).await.is_ok();
        while events.len() < self.batch_max
            && let Ok(event) = queue.try_recv()
        {
            events.push(event);
        }
        if !idle || events.len() < TRIAL_MIN {
            return self.batches(group, events).await;
        }
        let batch = events.split_off((events.len() / 2).min(TRIAL_SINGLES_MAX));
        let count = events.len();
        let (look, mut looked) = mpsc::channel(1);
        let started = Instant::now();
        for event in events {
            event.done.send(Joined::Alone { may_be_stored: false, look: Some(look.clone()) }).ok();
        }
        drop(look);
        if tokio::time::timeout(self.timeout, looked.recv()).await.is_ok() {
            group.pace.singles_took(started.elapsed(), count);
        }
        self.batches(group, batch).await;
    }

    async fn batches(&self, group: &Group, mut events: Vec<Waiting>) {
        while !events.is_empty() {
            let rest = events.split_off(self.fitting(&events));
            self.batch(group, events).await;
            events = rest;
        }
    }

    /// How many of the first events one batch takes; one at least.
    fn fitting(&self, events: &[Waiting]) -> usize {
        let mut bytes = 0;
        let fitting = events.iter().take_while(|event| {
            bytes += event.size;
            bytes <= self.batch_max_bytes
        });
        fitting.count().max(1)
    }

    async fn batch(&self, group: &Group, events: Vec<Waiting>) {
        // One key twice would reject the batch; the second one goes alone, after it, and hears that it is a duplicate.
        let mut keys = HashSet::with_capacity(events.len());
        let (mut messages, mut waiting, mut repeats) = (Vec::new(), Vec::new(), Vec::new());
        for Waiting { message, done, .. } in events {
            let key = message.headers.get(NATS_MESSAGE_ID).map(|key| key.as_str().to_owned());
            if key.is_none_or(|key| keys.insert(key)) {
                messages.push(message);
                waiting.push(done);
            } else {
                repeats.push(done);
            }
        }
        let count = messages.len();
        if count < 2 || !self.bus.is_connected() {
            for done in waiting.into_iter().chain(repeats) {
                done.send(Joined::Alone { may_be_stored: false, look: None }).ok();
            }
            return;
        }
        let nothing_beside = group.alone.load(Ordering::Relaxed) == 0;
        let started = Instant::now();
        // Each of its two answers may take half of the time.
        let committing = atomic::commit(&self.bus, self.stream, messages, self.timeout);
        let result = tokio::time::timeout(self.timeout, committing).await.unwrap_or(Err(Failed::Unanswered));
        let took = started.elapsed();
        let labels = [KeyValue::new("stream", self.stream)];
        match result {
            Ok(first) => {
                if nothing_beside {
                    group.pace.batch_took(took, count);
                }
                self.size.record(count as u64, &labels);
                self.duration.record(took.as_secs_f64(), &labels);
                for (sequence, done) in (first..).zip(waiting) {
                    done.send(Joined::Stored { sequence }).ok();
                }
                group.hand_back(repeats, Failed::Duplicate);
            }
            Err(failed) => group.hand_back(waiting.into_iter().chain(repeats), failed),
        }
    }
}
