//! Why nobody answered about a person.

use std::time::Duration;

use contract::{Code, code};
use http::StatusCode;
use outbound::{Answer, BuildError};

/// The service refuses our account: the token, or what is left of the quota.
const ACCOUNT_REFUSED: Code = Code::new("lookup_account_refused");
/// The service refuses the question itself.
const REFUSED: Code = Code::new("lookup_refused");

/// How long nobody calls after a 429 that does not say how long to wait.
const LIMIT_WAIT: Duration = Duration::from_mins(1);

/// Why nobody answered about a person. That nobody is known is no error. No variant holds a token, a URL, or what was
/// asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refuses our account: the token is wrong, or the quota is used up. Only a person can help.
    #[error("the service refuses our account: {0}")]
    Account(String),
    /// Too many calls: nobody of us calls before this long.
    #[error("the service's limit is reached; calls pause for {} s", after.as_secs())]
    Limited {
        /// How long.
        after: Duration,
    },
    /// The question itself is wrong: again it would be as wrong.
    #[error("the service refuses the question with {0}")]
    Refused(StatusCode),
    /// The service fails for the moment.
    #[error("the service fails with {status}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// When it says to come back.
        after: Option<Duration>,
    },
    /// A success that is none of its answers.
    #[error("the service answers with {0} and nothing that can be understood")]
    Unexpected(StatusCode),
    /// There was no answer, or it broke off.
    #[error("no answer from the service")]
    Call(#[source] outbound::Error),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the settings is none.
    #[error("{0} is not a URL")]
    BaseUrl(&'static str),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
}

impl Error {
    /// Whether the same may succeed later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::Unavailable { .. } | Self::Unexpected(_) => true,
            Self::Call(error) => error.may_pass(),
            Self::Account(_) | Self::Refused(_) => false,
        }
    }

    /// Whether only a person helps: with a new token, or more quota.
    pub fn is_account(&self) -> bool {
        matches!(self, Self::Account(_))
    }

    /// Whether the settings lead to somebody else, or nowhere.
    pub fn is_misdirected(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_misdirected())
    }

    /// Whether nobody was reached, so that it cannot be for what was asked.
    pub fn is_unreached(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_unreached())
    }

    /// How long nobody of us should call, if the service or our own caution says so.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Limited { after }
            | Self::Unavailable { after: Some(after), .. }
            | Self::Call(outbound::Error::Resting { after }) => Some(*after),
            _ => None,
        }
    }

    /// A word for tables and metrics.
    pub fn code(&self) -> Code {
        match self {
            Self::Account(_) => ACCOUNT_REFUSED,
            Self::Limited { .. } => code::RATE_LIMITED,
            Self::Refused(_) => REFUSED,
            Self::Unavailable { .. } | Self::Unexpected(_) | Self::Call(_) => code::UNAVAILABLE,
        }
    }

    /// What this status means, wherever it stands: as the status of HTTP, or inside the body of one that says 200.
    /// `None`: nobody was found.
    pub(crate) fn of(status: StatusCode, answer: &Answer, reason: impl FnOnce() -> String) -> Option<Self> {
        Some(match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => return None,
            StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN => {
                Self::Account(reason())
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Self::Limited { after: answer.retry_after().unwrap_or(LIMIT_WAIT) }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
                Self::Unavailable { status, after: answer.retry_after() }
            }
            status if status.is_server_error() => Self::Unavailable { status, after: answer.retry_after() },
            status if status.is_client_error() => Self::Refused(status),
            status => Self::Unexpected(status),
        })
    }
}
