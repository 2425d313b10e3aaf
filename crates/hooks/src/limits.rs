//! What a hook's limits may be.

use store::{
    hooks::{Kind, Manner},
    rate_limits::Rate,
};

/// What Zapier takes in a second, and in five minutes.
const ZAPIER_PER_SECOND: f64 = 30.0;
const ZAPIER_PER_FIVE_MINUTES: f64 = 10_000.0;

/// Why limits cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// One of them is zero or below.
    #[error("every number must be at least 1")]
    Zero,
    /// The first wait is longer than the longest.
    #[error("the first wait is longer than the longest")]
    Waits,
    /// Zapier answers 429 above 30 a second.
    #[error("Zapier takes 30 events a second: the burst, and what the rate allows in a second, are more")]
    PerSecond,
    /// Zapier answers 429 above 10,000 in five minutes.
    #[error(
        "Zapier takes 10,000 events in five minutes: the burst, and what the rate allows in that time, are more"
    )]
    PerFiveMinutes,
}

/// Whether a hook of this kind may be called in this manner. One limit is enough at run time then: Zapier's own are
/// never reached. Proved by `zapiers_own_limits_are_never_reached`.
///
/// # Errors
/// It may not.
pub fn check(kind: Kind, manner: &Manner) -> Result<(), LimitError> {
    let numbers = [
        i64::from(manner.rate_count),
        manner.rate_window_ms,
        i64::from(manner.rate_burst),
        i64::from(manner.attempts_max),
        manner.timeout_ms,
        manner.retry_base_ms,
    ];
    if numbers.iter().any(|number| *number < 1) {
        return Err(LimitError::Zero);
    }
    if manner.retry_base_ms > manner.retry_max_ms {
        return Err(LimitError::Waits);
    }
    if kind == Kind::Webhook {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "windows are shorter than 285,000 years")]
    let per_second = f64::from(manner.rate_count) * 1_000.0 / manner.rate_window_ms as f64;
    let burst = f64::from(manner.rate_burst);
    match () {
        () if burst - 1.0 + per_second > ZAPIER_PER_SECOND => Err(LimitError::PerSecond),
        () if burst - 1.0 + per_second * 300.0 > ZAPIER_PER_FIVE_MINUTES => Err(LimitError::PerFiveMinutes),
        () => Ok(()),
    }
}

/// The limit that all replicas share: in no stretch of its window more calls than it says, the burst included, for this
/// is how a receiver counts. So the pace behind a burst is that of what the burst leaves (100 an hour, 10 at once: then
/// one each 40 seconds), and a burst above half of the limit is cut to that half, or the pace would be next to nothing.
/// Proved by `a_window_never_holds_more_than_the_limit` and `three_replicas_together_keep_a_hooks_limit`.
pub(crate) fn rate(manner: &Manner) -> Rate {
    let number = |number: i32| u32::try_from(number).unwrap_or(1).max(1);
    let count = number(manner.rate_count);
    let burst = number(manner.rate_burst).min(count / 2).max(1);
    Rate { count: (count - burst).max(1), per: millis(manner.rate_window_ms), burst }
}

/// A number of the table as a time.
pub(crate) fn millis(millis: i64) -> std::time::Duration {
    std::time::Duration::from_millis(millis.unsigned_abs())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn manner(rate_count: i32, rate_window_ms: i64, rate_burst: i32) -> Manner {
        Manner {
            event_filter: vec!["*".to_owned()],
            body_form: "both".to_owned(),
            signature_header: "X-Webhook-Signature".to_owned(),
            signature_algorithm: "sha256".to_owned(),
            rate_count,
            rate_window_ms,
            rate_burst,
            attempts_max: 4,
            timeout_ms: 10_000,
            retry_base_ms: 60_000,
            retry_max_ms: 3_600_000,
        }
    }

    /// The most calls that a limiter of this rate grants in any stretch of its window, both ends included.
    fn most(rate: Rate) -> u32 {
        let interval = rate.per.as_nanos().div_ceil(u128::from(rate.count));
        rate.burst + u32::try_from(rate.per.as_nanos() / interval).unwrap()
    }

    #[test]
    fn a_window_never_holds_more_than_the_limit() {
        for (count, burst) in
            [(100, 10), (100, 1), (100, 50), (100, 100), (5, 2), (3, 3), (2, 2), (1_000_000, 1_000)]
        {
            let rate = rate(&manner(count, 3_600_000, burst));
            assert!(most(rate) <= count.unsigned_abs(), "{count} {burst}: {rate:?}");
            assert!(rate.burst <= burst.unsigned_abs() && rate.count + rate.burst <= count.unsigned_abs());
        }
        assert_eq!(rate(&manner(100, 3_600_000, 10)).count, 90);
        // One in a window is one at an even pace.
        assert_eq!((rate(&manner(1, 1_000, 10)).count, rate(&manner(1, 1_000, 10)).burst), (1, 1));
    }

    #[test]
    fn zapiers_own_limits_are_never_reached() {
        for (count, window, burst, expected) in [
            (100, 3_600_000, 10, Ok(())),
            (1, 1_000, 30, Ok(())),
            (1, 1_000, 31, Err(LimitError::PerSecond)),
            (31, 1_000, 1, Err(LimitError::PerSecond)),
            (30, 1_000, 1, Ok(())),
            (10_000, 300_000, 1, Err(LimitError::PerSecond)),
            (0, 1_000, 1, Err(LimitError::Zero)),
            (1, 1_000, 0, Err(LimitError::Zero)),
        ] {
            assert_eq!(
                check(Kind::Zapier, &manner(count, window, burst)),
                expected,
                "{count}/{window} {burst}"
            );
        }
        assert_eq!(check(Kind::Webhook, &manner(1_000, 1_000, 500)), Ok(()));
        let waits = Manner { retry_max_ms: 1, ..manner(1, 1_000, 1) };
        assert_eq!(check(Kind::Webhook, &waits), Err(LimitError::Waits));
    }
}
