//! When a failed event is tried again.

use std::time::Duration;

/// A delay that doubles with each attempt up to a limit, with jitter so that events that failed together do not come
/// back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

impl Backoff {
    /// A backoff from `base`, the delay after the first attempt, to `max`.
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self { base, max }
    }

    /// The delay after attempt number `attempt` (1 is the first): between half of the full delay and all of it.
    pub fn delay(&self, attempt: u64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
        let full = self.base.saturating_mul(1_u32 << doublings).min(self.max);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_grows_with_the_attempt_and_stays_in_bounds(base_ms in 1_u64..10_000, max_ms in 1_u64..600_000, attempt in 0_u64..1_000_000) {
            let backoff = Backoff::new(Duration::from_millis(base_ms), Duration::from_millis(max_ms));
            let delay = backoff.delay(attempt);
            prop_assert!(delay <= Duration::from_millis(max_ms));
            prop_assert!(delay >= Duration::from_millis(base_ms.min(max_ms)).mul_f64(0.499));
            prop_assert!(backoff.delay(attempt + 2) >= delay || delay >= Duration::from_millis(max_ms).mul_f64(0.499));
        }
    }
}
