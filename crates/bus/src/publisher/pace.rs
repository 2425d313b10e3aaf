//! Whether sharing a batch pays, by what this broker was seen to take for both ways.
//!
//! With `sync_interval: always` on one node every single publish costs an fsync, and a batch a handful of them whatever
//! its size. With lazy fsync, or on three nodes (which group their fsyncs themselves), a batch is the slower way. No API
//! of the server tells which it is, so it is tried now and then, both ways one after the other and nothing beside them:
//! what is seen while both are mixed says how long the queue was, not what the broker takes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Fewer that wait are never worth a trial.
const TRIAL_WAITING_MIN: usize = 32;
/// Time until a trial is repeated that said otherwise than the one before, or nothing, while callers wait in numbers: a
/// wrong verdict may cost most of what the broker can take. A trial holds callers up, mostly for some milliseconds, so the
/// time doubles, up to a minute, as long as trials say the same.
const TRIAL_EVERY: Duration = Duration::from_millis(500);
const TRIAL_EVERY_MAX: Duration = Duration::from_mins(1);
/// When the next trial is due while one is at work.
const AT_WORK: u64 = u64::MAX;
/// So many that batches pay for them wherever they pay at all.
const MANY: usize = 1_000;
/// Cost of each message in a batch (measured: 1,000 in 33 ms).
const BATCH_EACH: Duration = Duration::from_micros(30);
/// A single publish that costs less than this has no fsync that a batch could save, and a batch costs the broker's
/// processor twice as much for each event.
const SINGLE_MIN: Duration = Duration::from_micros(120);
/// A batch must promise to be this much faster, in quarters: it makes the first one in it wait for the last.
const MARGIN_QUARTERS: u64 = 5;

/// What one stream takes. Estimates only: a lost update between threads does no harm.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// Nanoseconds of a single publish among others.
    single: AtomicU64,
    /// Nanoseconds of a batch without its messages.
    batch_fixed: AtomicU64,
    /// So many must wait for a batch to be the faster way.
    batch_from: AtomicUsize,
    /// Nanoseconds since `start` when the next trial is due, and from it to the one after.
    trial_at: AtomicU64,
    trial_every: AtomicU64,
    /// Whether a batch pays at all, by the last trial.
    paid: AtomicBool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            single: AtomicU64::new(0),
            batch_fixed: AtomicU64::new(0),
            batch_from: AtomicUsize::new(usize::MAX),
            trial_at: AtomicU64::new(0),
            trial_every: AtomicU64::new(nanos(TRIAL_EVERY)),
            paid: AtomicBool::new(false),
        }
    }

    /// Whether a batch would be the faster way for this many that wait.
    pub(super) fn batch_pays(&self, waiting: usize) -> bool {
        waiting >= self.batch_from.load(Ordering::Relaxed)
    }

    /// Whether so many wait that both ways should be tried (again). Says yes to one caller.
    pub(super) fn begin_trial(&self, waiting: usize) -> bool {
        let now = nanos(self.start.elapsed());
        let due = self.trial_at.load(Ordering::Relaxed);
        waiting >= TRIAL_WAITING_MIN
            && now >= due
            && self.trial_at.compare_exchange(due, AT_WORK, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A trial is over. One that told nothing, because something was beside it or its batch failed, is not repeated at
    /// once, or there would be nothing but trials.
    pub(super) fn end_trial(&self) {
        if self.trial_at.load(Ordering::Relaxed) == AT_WORK {
            self.next_trial((self.trial_every.load(Ordering::Relaxed) * 2).min(nanos(TRIAL_EVERY_MAX)));
        }
    }

    /// In a trial, one single publish took `one`, and this many at one time took `all`. What each more of them costs is
    /// the broker's; what one takes by itself is mostly the way there and back, which is long where processors are busy.
    pub(super) fn singles_took(&self, one: Duration, all: Duration, count: usize) {
        let each = nanos(all.saturating_sub(one)) / count.saturating_sub(1).max(1) as u64;
        self.single.store(each, Ordering::Relaxed);
        // One bad moment must not forbid batches for ever. Until the trial's batch is seen, the last verdict stands.
        self.batch_fixed.store(0, Ordering::Relaxed);
    }

    /// A batch with nothing beside it was committed.
    pub(super) fn batch_took(&self, took: Duration, count: usize) {
        let fixed = nanos(took).saturating_sub(nanos(BATCH_EACH) * count as u64);
        let old = self.batch_fixed.load(Ordering::Relaxed);
        let fixed = if old == 0 { fixed } else { old - old / 8 + fixed / 8 }.max(1);
        self.batch_fixed.store(fixed, Ordering::Relaxed);
        self.batch_from.store(self.break_even(fixed), Ordering::Relaxed);
        if old == 0 {
            self.conclude();
        }
    }

    /// A trial has told something: when the next one is due.
    fn conclude(&self) {
        let pays = self.batch_pays(MANY);
        let every = if self.paid.swap(pays, Ordering::Relaxed) == pays {
            (self.trial_every.load(Ordering::Relaxed) * 2).min(nanos(TRIAL_EVERY_MAX))
        } else {
            nanos(TRIAL_EVERY)
        };
        self.next_trial(every);
    }

    fn next_trial(&self, every: u64) {
        self.trial_every.store(every, Ordering::Relaxed);
        self.trial_at.store(nanos(self.start.elapsed()) + every, Ordering::Relaxed);
    }

    /// From how many on `waiting × single > margin × (fixed + waiting × each)`.
    fn break_even(&self, fixed: u64) -> usize {
        let single = self.single.load(Ordering::Relaxed);
        if single < nanos(SINGLE_MIN) {
            return usize::MAX;
        }
        let saved = single.saturating_sub(nanos(BATCH_EACH) * MARGIN_QUARTERS / 4);
        let waiting = (fixed * MARGIN_QUARTERS / 4).checked_div(saved);
        waiting
            .and_then(|waiting| usize::try_from(waiting + 1).ok())
            .map_or(usize::MAX, |waiting| waiting.max(2))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way of three milliseconds to a broker that takes so many microseconds for a single publish.
    fn singles(pace: &Pace, single: u64) {
        let all = Duration::from_micros(3_000 + single * 16);
        pace.singles_took(Duration::from_micros(3_000 + single), all, 16);
    }

    /// A broker that takes so many microseconds for a single publish and for a batch of a hundred.
    fn tried(single: u64, batch: u64) -> Pace {
        let pace = Pace::new();
        singles(&pace, single);
        pace.batch_took(Duration::from_micros(batch), 100);
        pace
    }

    #[test]
    fn batches_pay_where_each_message_costs_an_fsync_and_some_tens_wait() {
        let pace = tried(250, 6_500);
        assert!(!pace.batch_pays(1) && !pace.batch_pays(8) && !pace.batch_pays(16));
        assert!(pace.batch_pays(32) && pace.batch_pays(256) && pace.batch_pays(1_024));
    }

    #[test]
    fn batches_never_pay_where_fsync_is_lazy() {
        // A batch costs little there, too.
        for pace in [tried(30, 6_500), tried(80, 3_100)] {
            assert!([2, 64, 256, 1_024, 4_096].into_iter().all(|waiting| !pace.batch_pays(waiting)));
        }
    }

    #[test]
    fn batches_do_not_pay_before_they_were_tried() {
        assert!(!Pace::new().batch_pays(1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_of_many_begins_a_trial_and_not_too_often() {
        let pace = Pace::new();
        assert!(!pace.begin_trial(TRIAL_WAITING_MIN - 1));
        assert!(pace.begin_trial(100) && !pace.begin_trial(100));
        tokio::time::advance(TRIAL_EVERY_MAX).await;
        assert!(!pace.begin_trial(100), "the first one is at work");
        // It told nothing.
        pace.end_trial();
        tokio::time::advance(TRIAL_EVERY).await;
        assert!(!pace.begin_trial(100));
        tokio::time::advance(TRIAL_EVERY).await;
        assert!(pace.begin_trial(100));
    }

    #[tokio::test(start_paused = true)]
    async fn trials_that_say_the_same_become_rare() {
        let pace = Pace::new();
        let said = |single: u64| {
            singles(&pace, single);
            pace.batch_took(Duration::from_micros(6_500), 100);
        };
        (0..10).for_each(|_| said(30));
        tokio::time::advance(TRIAL_EVERY_MAX / 2).await;
        assert!(!pace.begin_trial(100));
        tokio::time::advance(TRIAL_EVERY_MAX / 2).await;
        assert!(pace.begin_trial(100));
        said(250);
        tokio::time::advance(TRIAL_EVERY).await;
        assert!(pace.begin_trial(100));
    }

    #[test]
    fn batches_that_turn_out_slow_are_given_up_until_they_are_tried_again() {
        let pace = tried(250, 6_500);
        for _ in 0..50 {
            pace.batch_took(Duration::from_millis(500), 100);
        }
        assert!(!pace.batch_pays(512));
        singles(&pace, 250);
        pace.batch_took(Duration::from_micros(6_500), 100);
        assert!(pace.batch_pays(512));
    }

    #[test]
    fn a_broker_that_became_fast_ends_the_batches() {
        let pace = tried(250, 6_500);
        assert!(pace.batch_pays(256));
        singles(&pace, 30);
        pace.batch_took(Duration::from_micros(6_500), 100);
        assert!(!pace.batch_pays(256));
    }
}
