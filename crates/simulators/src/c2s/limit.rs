//! Calls a minute.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Not more than so many calls in any stretch.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) count: usize,
    pub(super) per: Duration,
    /// Whether a refusal says how long to wait.
    pub(super) tells: bool,
    calls: VecDeque<Instant>,
}

impl Limit {
    pub(super) fn new(count: usize, per: Duration, tells: bool) -> Self {
        Self { count, per, tells, calls: VecDeque::new() }
    }

    /// Counts a call, or says how long to wait.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self.calls.front().is_some_and(|first| now.duration_since(*first) >= self.per) {
            self.calls.pop_front();
        }
        if let Some(first) = self.calls.front().filter(|_| self.calls.len() >= self.count) {
            return Err(self.per.saturating_sub(now.duration_since(*first)));
        }
        self.calls.push_back(now);
        Ok(())
    }
}
