//! What an answer, or none, means.

use std::time::Duration;

use config::HookDelivery;
use contract::{Code, code};
use http::StatusCode;
use outbound::{Answer, Error, Url, Verdict};

use super::excerpt;
use crate::said::in_full;

/// Longest wait for a destination that rests.
const REST_MAX: Duration = Duration::from_mins(1);

/// What the hook said, as it is kept.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) status: Option<StatusCode>,
    /// Beginning of the answer, without the hook's own URL.
    pub(super) excerpt: Option<String>,
}

/// What became of an attempt.
pub(super) enum Became {
    Delivered(Said),
    /// It may be taken later; `after` is what the hook itself asks for.
    Failed {
        said: Said,
        code: &'static str,
        error: String,
        after: Option<Duration>,
    },
    Throttled {
        said: Said,
        pause: Duration,
    },
    Refused {
        said: Said,
        code: Code,
        error: String,
    },
    /// 410.
    Gone(Said),
    /// Nothing was asked: not an attempt.
    NotAsked(Duration),
}

impl Became {
    /// Judges an attempt at this URL.
    pub(super) fn of(answered: Result<Answer, Error>, url: &Url, settings: &HookDelivery) -> Self {
        match answered {
            Ok(answer) => Self::of_answer(&answer, url, settings),
            Err(Error::Resting { after }) => Self::NotAsked(after.min(REST_MAX)),
            Err(error) if error.may_pass() => {
                let (code, error) = (error.kind(), in_full(&error));
                Self::Failed { said: Said::default(), code, error, after: None }
            }
            Err(error) => {
                let (code, status) = match error {
                    Error::Forbidden | Error::Scheme => (code::HOOK_FORBIDDEN, None),
                    Error::Redirected(status) => (code::HOOK_REFUSED, Some(status)),
                    _ => (code::HOOK_REFUSED, None),
                };
                Self::Refused { said: Said { status, excerpt: None }, code, error: in_full(&error) }
            }
        }
    }

    fn of_answer(answer: &Answer, url: &Url, settings: &HookDelivery) -> Self {
        let after = answer.retry_after().map(|after| after.min(settings.retry_after_max()));
        let error = format!("it answered {}", answer.status);
        let said = Said { status: Some(answer.status), excerpt: excerpt::of(answer, url) };
        match (answer.verdict(), answer.status) {
            (Verdict::Success, _) => Self::Delivered(said),
            (Verdict::Disable, _) => Self::Gone(said),
            (_, StatusCode::TOO_MANY_REQUESTS) => {
                Self::Throttled { said, pause: after.unwrap_or_else(|| settings.throttled()) }
            }
            (Verdict::Retry, _) => Self::Failed { said, code: "status", error, after },
            (Verdict::Permanent, _) => Self::Refused { said, code: code::HOOK_REFUSED, error },
        }
    }
}
