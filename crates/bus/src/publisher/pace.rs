//! Whether sharing a batch pays, by what this broker was seen to take for both ways.
//!
//! With `sync_interval: always` on one node every single publish costs an fsync, and a batch a handful of them whatever
//! its size. With lazy fsync, or on three nodes (which group their fsyncs themselves), a batch is the slower way. No API
//! of the server tells which it is, so it is measured.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Others that must wait for an acknowledgement beside one for the time between two to say what the broker takes: with
/// fewer it says how often callers come.
const BUSY: usize = 8;
/// Cost of a batch that nobody has seen yet, without its messages (measured: 16 messages in 3.7 ms).
const BATCH_FIXED: Duration = Duration::from_micros(3_500);
/// Cost of each message in a batch (measured: 1,000 in 33 ms).
const BATCH_EACH: Duration = Duration::from_micros(30);
/// What was seen of batches is forgotten when none was made for this long: one bad moment must not forbid them for ever.
const BATCH_FORGET: Duration = Duration::from_secs(5);
/// What was seen of single publishes is to be looked at again after this long.
const SINGLE_FORGET: Duration = Duration::from_secs(5);
/// A batch must promise to be this much faster, in halves: it makes the first one in it wait for the last.
const MARGIN_HALVES: u64 = 3;

/// What one stream takes. Estimates only: a lost update between threads does no harm.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// Moving average, nanoseconds between two acknowledgements while the broker was busy.
    single: AtomicU64,
    single_done_at: AtomicU64,
    single_seen_at: AtomicU64,
    /// Moving average, nanoseconds of a batch without its messages.
    batch_fixed: AtomicU64,
    batch_seen_at: AtomicU64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            single: AtomicU64::new(0),
            single_done_at: AtomicU64::new(0),
            single_seen_at: AtomicU64::new(0),
            batch_fixed: AtomicU64::new(nanos(BATCH_FIXED)),
            batch_seen_at: AtomicU64::new(0),
        }
    }

    /// The first of several single publishes begins.
    pub(super) fn single_begins_alone(&self) {
        self.single_done_at.store(self.now(), Ordering::Relaxed);
    }

    /// A single publish was acknowledged while `others` were waiting.
    pub(super) fn single_done(&self, others: usize) {
        let now = self.now();
        let since = now.saturating_sub(self.single_done_at.swap(now, Ordering::Relaxed));
        if others >= BUSY {
            average(&self.single, since, 32);
            self.single_seen_at.store(now, Ordering::Relaxed);
        }
    }

    /// `count` single publishes at one time took this long, with no batch between them.
    pub(super) fn singles_took(&self, took: Duration, count: usize) {
        self.single.store(nanos(took) / count.max(1) as u64, Ordering::Relaxed);
        self.single_seen_at.store(self.now(), Ordering::Relaxed);
    }

    /// A batch was committed.
    pub(super) fn batch_took(&self, took: Duration, count: usize) {
        let fixed = nanos(took).saturating_sub(nanos(BATCH_EACH) * count as u64);
        average(&self.batch_fixed, fixed, 8);
        self.batch_seen_at.store(self.now(), Ordering::Relaxed);
    }

    /// Whether a batch would be the faster way for this many that wait.
    pub(super) fn batch_pays(&self, waiting: usize) -> bool {
        if waiting < 2 {
            return false;
        }
        let now = self.now();
        if now.saturating_sub(self.batch_seen_at.load(Ordering::Relaxed)) > nanos(BATCH_FORGET) {
            self.batch_fixed.store(nanos(BATCH_FIXED), Ordering::Relaxed);
            self.batch_seen_at.store(now, Ordering::Relaxed);
        }
        let waiting = waiting as u64;
        let singly = waiting.saturating_mul(self.single.load(Ordering::Relaxed));
        let together = self.batch_fixed.load(Ordering::Relaxed) + nanos(BATCH_EACH) * waiting;
        singly > together * MARGIN_HALVES / 2
    }

    /// Whether single publishes should be looked at again.
    pub(super) fn is_stale(&self) -> bool {
        self.now().saturating_sub(self.single_seen_at.load(Ordering::Relaxed)) > nanos(SINGLE_FORGET)
    }

    fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }
}

fn average(value: &AtomicU64, seen: u64, weight: u64) {
    let old = value.load(Ordering::Relaxed);
    value.store(old - old / weight + seen / weight, Ordering::Relaxed);
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that takes `each` for a single publish, seen with many waiting.
    async fn seen(each: Duration) -> Pace {
        let pace = Pace::new();
        pace.single_begins_alone();
        for _ in 0..200 {
            tokio::time::advance(each).await;
            pace.single_done(64);
        }
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn batches_pay_where_each_message_costs_an_fsync_and_some_tens_wait() {
        let pace = seen(Duration::from_micros(250)).await;
        assert!(!pace.batch_pays(1) && !pace.batch_pays(8) && !pace.batch_pays(16));
        assert!(pace.batch_pays(32) && pace.batch_pays(256) && pace.batch_pays(1_024));
    }

    #[tokio::test(start_paused = true)]
    async fn batches_never_pay_where_fsync_is_lazy() {
        let pace = seen(Duration::from_micros(30)).await;
        assert!([2, 64, 256, 1_024, 4_096].into_iter().all(|waiting| !pace.batch_pays(waiting)));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_come_rarely_say_nothing_of_the_broker() {
        let pace = Pace::new();
        for _ in 0..200 {
            pace.single_begins_alone();
            tokio::time::advance(Duration::from_millis(1)).await;
            pace.single_done(0);
        }
        assert!(!pace.batch_pays(1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn batches_that_turn_out_slow_are_given_up_and_tried_again_later() {
        let pace = seen(Duration::from_micros(100)).await;
        assert!(pace.batch_pays(512));
        for _ in 0..20 {
            pace.batch_took(Duration::from_millis(80), 100);
        }
        assert!(!pace.batch_pays(512));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(pace.batch_pays(512));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_became_fast_ends_the_batches() {
        let pace = seen(Duration::from_micros(250)).await;
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(pace.is_stale());
        pace.singles_took(Duration::from_millis(2), 64);
        assert!(!pace.is_stale() && !pace.batch_pays(256));
    }
}
