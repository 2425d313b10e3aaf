//! Pausing instead of draining a stream into the dead letters: when too many events die, something is wrong with us
//! (a bad deploy), not with them.

mod window;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use tracing::{error, info};

use window::Window;

/// Events that are kept in hand to find out whether what killed them is gone.
const SEATS: usize = 3;

/// Whether events flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They do.
    Flowing,
    /// They do not: too many died.
    Paused {
        /// When it is tried again.
        until: Instant,
        /// Which pause it is since they last flowed, 1 the first.
        number: u32,
    },
}

/// One consumer's breaker in this process.
#[derive(Debug)]
pub(crate) struct Breaker {
    consumer: &'static str,
    settings: config::Breaker,
    phase: watch::Sender<Phase>,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    window: Window,
    /// Events in hand to be tried.
    seats: usize,
    /// Of these, tried without success since the pause ended.
    failed: usize,
}

impl Breaker {
    pub(crate) fn new(consumer: &'static str, settings: &config::Breaker) -> Arc<Self> {
        let window = Window::new(Duration::from_secs(settings.window_seconds));
        Arc::new(Self {
            consumer,
            settings: settings.clone(),
            phase: watch::Sender::new(Phase::Flowing),
            counts: Mutex::new(Counts { window, seats: 0, failed: 0 }),
        })
    }

    /// Counts an event that was handled and is not dead.
    pub(crate) fn handled(&self) {
        self.counts().window.add(Instant::now(), 1, 0);
    }

    /// Whether one more event may become a dead letter. Counts it if so; if not, the consumer is paused from now on.
    /// Proved by `dead_letters_above_the_limit_pause_the_consumer`.
    pub(crate) fn may_die(&self) -> bool {
        let mut counts = self.counts();
        if self.is_paused() {
            return false;
        }
        let now = Instant::now();
        let (handled, dead) = counts.window.sum(now);
        let share_reached = (dead + 1) * 100 >= (handled + 1) * self.settings.share_percent;
        if dead < self.settings.dead_letters_max || !share_reached {
            counts.window.add(now, 1, 1);
            return true;
        }
        error!(
            consumer = self.consumer,
            dead_letters = dead,
            window_seconds = self.settings.window_seconds,
            "too many events die: the consumer pauses itself"
        );
        counts.failed = 0;
        self.phase.send_replace(Phase::Paused { until: now + self.pause(1), number: 1 });
        false
    }

    /// A place among the events that stay in hand, if one is free.
    pub(crate) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let mut counts = self.counts();
        (self.is_paused() && counts.seats < SEATS).then(|| {
            counts.seats += 1;
            Seat { breaker: Arc::clone(self), tried: 0, failed: false }
        })
    }

    /// How long the pause lasts yet.
    pub(crate) fn remaining(&self) -> Duration {
        match *self.phase.borrow() {
            Phase::Flowing => Duration::ZERO,
            Phase::Paused { until, .. } => until.saturating_duration_since(Instant::now()),
        }
    }

    /// Resolves when events flow.
    pub(crate) async fn flowing(&self) {
        let mut phase = self.phase.subscribe();
        // The sender is ours, so it is there as long as we are.
        drop(phase.wait_for(|phase| *phase == Phase::Flowing).await);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Lets events flow, with nothing held against them.
    pub(crate) fn resume(&self, why: &'static str) {
        let mut counts = self.counts();
        if self.is_paused() {
            info!(consumer = self.consumer, why, "the consumer resumes");
            counts.window.clear();
            self.phase.send_replace(Phase::Flowing);
        }
    }

    /// Whether the pause is over and nobody is there to find out whether it still has a reason.
    pub(crate) fn is_unattended(&self) -> bool {
        let counts = self.counts();
        counts.seats == 0 && self.is_paused() && self.remaining().is_zero()
    }

    fn is_paused(&self) -> bool {
        *self.phase.borrow() != Phase::Flowing
    }

    /// The next pause, once everything in hand was tried without success.
    fn prolong(&self, counts: &mut Counts) {
        let Phase::Paused { number, .. } = *self.phase.borrow() else { return };
        if counts.seats > 0 && counts.failed >= counts.seats {
            counts.failed = 0;
            let (number, pause) = (number + 1, self.pause(number + 1));
            info!(
                consumer = self.consumer,
                pause_seconds = pause.as_secs(),
                "events still die: paused for longer"
            );
            self.phase.send_replace(Phase::Paused { until: Instant::now() + pause, number });
        }
    }

    /// How long pause `number` lasts: each twice as long as the one before.
    fn pause(&self, number: u32) -> Duration {
        let longest = Duration::from_secs(self.settings.pause_max_seconds);
        let doublings = number.saturating_sub(1).min(20);
        Duration::from_secs(self.settings.pause_seconds).saturating_mul(1 << doublings).min(longest)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event that stays in hand while the consumer is paused.
#[derive(Debug)]
pub(crate) struct Seat {
    breaker: Arc<Breaker>,
    /// The last pause after which it was tried.
    tried: u32,
    failed: bool,
}

/// Why an event in hand is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The pause is over: to find out.
    Try,
    /// Events flow again.
    Flowing,
}

impl Seat {
    /// Resolves when the event is to be tried.
    pub(crate) async fn turn(&mut self) -> Turn {
        let mut changes = self.breaker.phase.subscribe();
        loop {
            let phase = *changes.borrow_and_update();
            let (until, number) = match phase {
                Phase::Flowing => return Turn::Flowing,
                Phase::Paused { until, number } => (until, number),
            };
            tokio::select! {
                () = tokio::time::sleep_until(until), if number > self.tried => {
                    (self.tried, self.failed) = (number, false);
                    return Turn::Try;
                }
                // The sender is in our hands.
                changed = changes.changed() => drop(changed),
            }
        }
    }

    /// It worked, so others will.
    pub(crate) fn succeeded(&self) {
        self.breaker.resume("an event that died before was handled");
    }

    /// It still does not work.
    pub(crate) fn failed(&mut self) {
        let mut counts = self.breaker.counts();
        self.failed = true;
        counts.failed += 1;
        self.breaker.prolong(&mut counts);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.breaker.counts();
        counts.seats -= 1;
        self.breaker.prolong(&mut counts);
    }
}

#[cfg(test)]
mod tests;
