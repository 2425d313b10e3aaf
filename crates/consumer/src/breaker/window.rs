//! How many events were handled lately, and how many of them died.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Parts that a window is counted in; the oldest is forgotten as a whole.
const PARTS: u32 = 12;

/// Counts of the last while.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    parts: VecDeque<Part>,
}

#[derive(Debug)]
struct Part {
    began: Instant,
    handled: u64,
    dead: u64,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, parts: VecDeque::new() }
    }

    pub(super) fn add(&mut self, now: Instant, handled: u64, dead: u64) {
        match self.parts.back_mut().filter(|part| now - part.began < self.length / PARTS) {
            Some(part) => {
                part.handled += handled;
                part.dead += dead;
            }
            None => self.parts.push_back(Part { began: now, handled, dead }),
        }
        self.forget(now);
    }

    /// Events handled, and of these dead.
    pub(super) fn sum(&mut self, now: Instant) -> (u64, u64) {
        self.forget(now);
        self.parts.iter().fold((0, 0), |(handled, dead), part| (handled + part.handled, dead + part.dead))
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    fn forget(&mut self, now: Instant) {
        while self.parts.front().is_some_and(|part| now - part.began >= self.length) {
            self.parts.pop_front();
        }
    }
}
