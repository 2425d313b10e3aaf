//! Asking again, with growing waits and some chance in them, so that many who failed together do not come back together.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use config::Outbound;
use http::StatusCode;

use crate::{Answer, Download, Error, Repeat, Request, Verdict};

/// What one attempt gives, as far as repeating is concerned.
pub(crate) trait Outcome {
    /// Status, and how long the other side wants us to wait.
    fn judged(&self) -> (StatusCode, Option<Duration>);
}

impl Outcome for Answer {
    fn judged(&self) -> (StatusCode, Option<Duration>) {
        (self.status, self.retry_after)
    }
}

impl Outcome for Download {
    fn judged(&self) -> (StatusCode, Option<Duration>) {
        match self {
            Self::Body(_) => (StatusCode::OK, None),
            Self::Answer(answer) => answer.judged(),
        }
    }
}

/// An attempt that did not settle the matter.
enum Unsettled<T> {
    Answered(T, Option<Duration>),
    Failed(Error),
}

/// Runs attempts, which are told how many there were before them, until one settles the matter or there are no more.
pub(crate) async fn until_settled<T, F>(
    settings: &Outbound,
    request: &Request,
    mut attempt: impl FnMut(usize) -> F,
) -> Result<T, Error>
where
    T: Outcome,
    F: Future<Output = Result<T, Error>>,
{
    let longest = Duration::from_millis(settings.retry_max_ms);
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(settings.retry_base_ms))
        .with_max_delay(longest)
        .with_max_times(settings.attempts_max.saturating_sub(1))
        .with_jitter();
    let mut resend = 0;
    let attempts = || {
        let attempting = attempt(resend);
        resend += 1;
        async move {
            let outcome = attempting.await.map_err(Unsettled::Failed)?;
            let (status, after) = outcome.judged();
            match Verdict::of(status) {
                Verdict::Retry => Err(Unsettled::Answered(outcome, after)),
                Verdict::Success | Verdict::Permanent | Verdict::Disable => Ok(outcome),
            }
        }
    };
    let settled = attempts
        .retry(waits)
        .when(|unsettled| match unsettled {
            Unsettled::Answered(_, after) => after.is_none_or(|after| after <= longest),
            Unsettled::Failed(Error::Connect(_)) => true,
            // Its rest is longer than any of these waits.
            Unsettled::Failed(Error::Resting { .. }) => false,
            Unsettled::Failed(error) => error.may_pass() && request.repeat == Repeat::Always,
        })
        .adjust(|unsettled, wait| match (unsettled, wait) {
            (Unsettled::Answered(_, Some(after)), Some(wait)) => Some(wait.max(*after)),
            (_, wait) => wait,
        })
        .await;
    match settled {
        Ok(outcome) | Err(Unsettled::Answered(outcome, _)) => Ok(outcome),
        Err(Unsettled::Failed(error)) => Err(error),
    }
}
