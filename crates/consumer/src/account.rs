//! The books: every event that comes in goes out, in one of four ways.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use contract::{Code, metric};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, UpDownCounter},
};

/// How an event left a consumer's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Acknowledged.
    Completed,
    /// Given back, to come again after a delay.
    Retry,
    /// Terminated, its verdict committed.
    Dead,
    /// Dropped without a word to the broker (abort, crash of a task): it comes again after the acknowledgement wait.
    Abandoned,
}

impl Settled {
    const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Retry => "retry",
            Self::Dead => "dead",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Counts of one consumer in this process. `received() == settled() + in_flight()` always: proved by
/// `received_is_settled_plus_in_flight_after_everything`.
#[derive(Debug)]
pub struct Account {
    consumer: &'static str,
    received: AtomicU64,
    settled: [AtomicU64; 4],
    metrics: Metrics,
}

#[derive(Debug)]
struct Metrics {
    received: Counter<u64>,
    redelivered: Counter<u64>,
    settled: Counter<u64>,
    in_flight: UpDownCounter<i64>,
    blocked: UpDownCounter<i64>,
    waiting: UpDownCounter<i64>,
    pending: Gauge<u64>,
    paused: Gauge<u64>,
    duration: Histogram<f64>,
}

impl Account {
    pub(crate) fn new(consumer: &'static str) -> Arc<Self> {
        let meter = telemetry::meter();
        let metrics = Metrics {
            received: meter.u64_counter(metric::CONSUMER_RECEIVED).build(),
            redelivered: meter.u64_counter(metric::CONSUMER_REDELIVERED).build(),
            settled: meter.u64_counter(metric::CONSUMER_SETTLED).build(),
            in_flight: meter.i64_up_down_counter(metric::CONSUMER_IN_FLIGHT).build(),
            blocked: meter.i64_up_down_counter(metric::CONSUMER_BLOCKED).build(),
            waiting: meter.i64_up_down_counter(metric::CONSUMER_WAITING).build(),
            pending: meter.u64_gauge(metric::CONSUMER_PENDING).build(),
            paused: meter.u64_gauge(metric::CONSUMER_PAUSED).build(),
            duration: meter.f64_histogram(metric::PROCESS_DURATION).with_unit("s").build(),
        };
        let account = Self { consumer, received: AtomicU64::new(0), settled: Default::default(), metrics };
        // A series that appears only with the first failure cannot be alerted on.
        for outcome in [Settled::Completed, Settled::Retry, Settled::Dead, Settled::Abandoned] {
            account.metrics.settled.add(0, &account.outcome_labels(outcome));
        }
        account.metrics.blocked.add(0, &account.labels());
        Arc::new(account)
    }

    /// Events received since the start.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// Events settled since the start, in whatever way.
    pub fn settled(&self) -> u64 {
        self.settled.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Events acknowledged since the start.
    pub fn completed(&self) -> u64 {
        self.count(Settled::Completed)
    }

    /// Events given back since the start.
    pub fn retried(&self) -> u64 {
        self.count(Settled::Retry)
    }

    /// Events terminated since the start.
    pub fn dead(&self) -> u64 {
        self.count(Settled::Dead)
    }

    /// Events in this process's hands now.
    pub fn in_flight(&self) -> u64 {
        self.received().saturating_sub(self.settled())
    }

    fn count(&self, outcome: Settled) -> u64 {
        self.settled.get(outcome as usize).map_or(0, |count| count.load(Ordering::SeqCst))
    }

    pub(crate) fn receive(self: &Arc<Self>, redelivered: bool) -> Entry {
        self.received.fetch_add(1, Ordering::SeqCst);
        self.metrics.received.add(1, &self.labels());
        self.metrics.in_flight.add(1, &self.labels());
        if redelivered {
            self.metrics.redelivered.add(1, &self.labels());
        }
        Entry { account: Arc::clone(self), open: true }
    }

    /// How long the handler took over a batch, and how that ended (`completed`, or the failure's code).
    pub(crate) fn handled(&self, took: Duration, outcome: &'static str) {
        let labels = [KeyValue::new("consumer", self.consumer), KeyValue::new("outcome", outcome)];
        self.metrics.duration.record(took.as_secs_f64(), &labels);
    }

    /// The events that wait on the stream.
    pub(crate) fn pending(&self, events: u64) {
        self.metrics.pending.record(events, &self.labels());
    }

    /// Whether the consumer is paused, and why: its events die, or the server holds them back for another reason.
    pub(crate) fn paused(&self, dead_letters: bool, server: bool) {
        for (reason, paused) in [("dead_letters", dead_letters), ("server", server)] {
            let labels = [KeyValue::new("consumer", self.consumer), KeyValue::new("reason", reason)];
            self.metrics.paused.record(u64::from(paused), &labels);
        }
    }

    /// Says that a batch waits for a dependency, until dropped.
    pub(crate) fn blocked(self: &Arc<Self>) -> Blocked {
        self.metrics.blocked.add(1, &self.labels());
        Blocked(Arc::clone(self))
    }

    /// Says that a batch waits for a limit or a paused destination, until dropped.
    pub(crate) fn waiting(self: &Arc<Self>, code: Code) -> Waiting {
        let waiting = Waiting { account: Arc::clone(self), code };
        self.metrics.waiting.add(1, &waiting.labels());
        waiting
    }

    fn close(&self, outcome: Settled) {
        if let Some(count) = self.settled.get(outcome as usize) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.metrics.settled.add(1, &self.outcome_labels(outcome));
        self.metrics.in_flight.add(-1, &self.labels());
    }

    fn labels(&self) -> [KeyValue; 1] {
        [KeyValue::new("consumer", self.consumer)]
    }

    fn outcome_labels(&self, outcome: Settled) -> [KeyValue; 2] {
        [KeyValue::new("consumer", self.consumer), KeyValue::new("outcome", outcome.word())]
    }
}

/// One event's line in the books; dropped open, it counts as abandoned.
#[derive(Debug)]
pub(crate) struct Entry {
    account: Arc<Account>,
    open: bool,
}

impl Entry {
    pub(crate) fn settle(mut self, outcome: Settled) {
        self.open = false;
        self.account.close(outcome);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.open {
            self.account.close(Settled::Abandoned);
        }
    }
}

/// See [`Account::blocked`].
pub(crate) struct Blocked(Arc<Account>);

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.metrics.blocked.add(-1, &self.0.labels());
    }
}

/// See [`Account::waiting`].
pub(crate) struct Waiting {
    account: Arc<Account>,
    code: Code,
}

impl Waiting {
    fn labels(&self) -> [KeyValue; 2] {
        [KeyValue::new("consumer", self.account.consumer), KeyValue::new("code", self.code.as_str())]
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.account.metrics.waiting.add(-1, &self.labels());
    }
}
