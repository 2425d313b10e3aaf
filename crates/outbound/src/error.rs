//! Why a call has no answer.

use std::{error::Error as StdError, time::Duration};

use http::StatusCode;

use crate::{Verdict, guard::ForbiddenAddress};

/// Why a call has no answer. No variant holds the URL: a caller names what it called in its own words.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is private, or no address at all, and not allowed.
    #[error("the address is not allowed: it is private or reserved, and not in outbound.allowed_networks")]
    Forbidden,
    /// The URL is neither `http` nor `https`.
    #[error("the scheme of the URL is neither http nor https")]
    Scheme,
    /// The destination failed too often in a row; nothing was asked, and nothing need be before this long.
    #[error("the destination failed too often in a row and rests for {} s", after.as_secs_f64().ceil())]
    Resting {
        /// How long.
        after: Duration,
    },
    /// No connection, so the other side has seen nothing.
    #[error("cannot connect")]
    Connect(#[source] reqwest::Error),
    /// No answer in time. The other side may have done what it was asked.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke, or what came is no HTTP. The other side may have done what it was asked.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// The other side answers with a redirect, which is never followed: it could lead anywhere.
    #[error("the answer is a redirect ({0}), which is not followed")]
    Redirected(StatusCode),
    /// The answer is larger than allowed; it was not read further.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client")]
pub struct BuildError(#[source] pub(crate) reqwest::Error);

impl Error {
    /// Judges an error of the library's, from before or after the request was sent.
    pub(crate) fn of(error: reqwest::Error, timeout: Duration) -> Self {
        // It would quote the URL.
        let error = error.without_url();
        if is_forbidden(&error) {
            return Self::Forbidden;
        }
        match () {
            () if error.is_connect() => Self::Connect(error),
            () if error.is_timeout() => Self::Timeout(timeout),
            () => Self::Broken(error),
        }
    }

    /// A word for metrics and spans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden_address",
            Self::Scheme => "scheme",
            Self::Resting { .. } => "resting",
            Self::Connect(_) => "connect",
            Self::Timeout(_) => "timeout",
            Self::Broken(_) => "broken",
            Self::Redirected(_) => "redirected",
            Self::TooLarge(_) => "too_large",
        }
    }

    /// Whether the other side is away rather than wrong: later the same may succeed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Resting { .. } | Self::Connect(_) | Self::Timeout(_) | Self::Broken(_))
    }

    /// What to do next: what is away is tried again, what is wrong is not.
    pub fn verdict(&self) -> Verdict {
        if self.may_pass() { Verdict::Retry } else { Verdict::Permanent }
    }

    /// Whether the settings lead to somebody else, or nowhere: every call there ends so, whatever is asked.
    pub fn is_misdirected(&self) -> bool {
        matches!(self, Self::Forbidden | Self::Scheme | Self::Redirected(_))
    }

    /// Whether nobody was reached, so that it cannot be for what was asked.
    pub fn is_unreached(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Resting { .. })
    }

    /// Whether the other side may have done what it was asked.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Broken(_) | Self::TooLarge(_))
    }
}

/// Whether the guard refused every address of the name.
fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<ForbiddenAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}
