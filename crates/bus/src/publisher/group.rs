//! Group commit: events that wait at the same time for the same stream share one atomic batch. While one batch is being
//! committed the next one fills, so that nobody waits for company (but for some milliseconds in a trial, see `pace`).
//! What a batch cannot take is handed back to be published alone, by whoever waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use contract::metric;
use opentelemetry::{KeyValue, metrics::Counter};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use tracing::warn;

use super::{
    atomic::{Failed, Message},
    committer::Committer,
    pace::Pace,
    recent::Recent,
};
use crate::Bus;

/// Events larger than this go alone: a batch saves fsyncs, and with these it is the bytes that cost.
const EVENT_MAX_BYTES: usize = 128 * 1024;
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
    pub(super) pace: Pace,
    recent: Recent,
    /// Events that wait for an acknowledgement of their own, and all that wait.
    alone: AtomicUsize,
    waiting: AtomicUsize,
    /// Nobody waits for an acknowledgement of its own any more.
    idle: Notify,
    /// Both ways are about to be tried: everybody joins, so that nothing is beside them.
    pub(super) trial: AtomicBool,
    /// Milliseconds since `start` until which batches are not tried.
    refused_until: AtomicU64,
    start: Instant,
    fallbacks: Counter<u64>,
    pub(super) stream: &'static str,
}

/// One event that waits for its batch.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Message,
    /// Bytes of headers and payload.
    pub(super) size: usize,
    pub(super) done: oneshot::Sender<Joined>,
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

/// Counts an event while it is published alone, and says when it was the last one, however that ends.
struct Lone<'a>(&'a Group);

impl<'a> Lone<'a> {
    fn new(group: &'a Group) -> Self {
        group.alone.fetch_add(1, Ordering::Relaxed);
        Self(group)
    }
}

impl Drop for Lone<'_> {
    fn drop(&mut self) {
        if self.0.alone.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.idle.notify_one();
        }
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
        let committer = Committer::new(bus, &group, config);
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
        let _lone = Lone::new(self);
        publish.await
    }

    /// Whether nobody waits for an acknowledgement of its own.
    pub(super) fn is_idle(&self) -> bool {
        self.alone.load(Ordering::Relaxed) == 0
    }

    pub(super) async fn until_idle(&self) {
        while !self.is_idle() {
            self.idle.notified().await;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has events published alone that were to share a batch.
    pub(super) fn hand_back(
        &self,
        events: impl IntoIterator<Item = oneshot::Sender<Joined>>,
        failed: Failed,
    ) {
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
