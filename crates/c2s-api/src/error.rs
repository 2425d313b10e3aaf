//! Why a call to Contact2Sale did not do what it was asked.

use std::time::Duration;

use contract::{Code, code};
use http::StatusCode;
use outbound::Answer;
use serde_json::Value;

/// C2S refuses our token.
const TOKEN_REFUSED: Code = Code::new("c2s_token_refused");
/// C2S refuses the request itself.
const REFUSED: Code = Code::new("c2s_refused");
/// C2S does not know the lead.
const LEAD_NOT_FOUND: Code = Code::new("c2s_lead_not_found");

/// Why a call to Contact2Sale did not do what it was asked. No variant holds a token, and texts of C2S's are masked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no token, or one that no header can carry.
    #[error("c2s.api.token is not set, or cannot be sent")]
    NoToken,
    /// The token is wrong, or may not do this.
    #[error("Contact2Sale does not accept c2s.api.token: {0}")]
    Unauthorized(String),
    /// The lead does not exist (any more).
    #[error("Contact2Sale does not know the lead")]
    NotFound,
    /// An id that no lead can have.
    #[error("the id of the lead cannot be one")]
    LeadId,
    /// An instant outside the years that can be asked for.
    #[error("the instant to read changes from has no form that Contact2Sale takes")]
    Since,
    /// Too many calls: nobody of us calls before this long.
    #[error("Contact2Sale's limit is reached; calls pause for {} s", after.as_secs())]
    Limited {
        /// How long.
        after: Duration,
    },
    /// The request itself is wrong: again it would be as wrong.
    #[error("Contact2Sale refuses it with {status}: {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it says, masked.
        message: String,
    },
    /// Contact2Sale fails for the moment. What it was asked may be done.
    #[error("Contact2Sale fails with {status}: {message}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// What it says, masked.
        message: String,
        /// When it says to come back.
        after: Option<Duration>,
    },
    /// A success that is none of its answers.
    #[error("Contact2Sale answers with {0} and nothing that can be understood")]
    Unexpected(StatusCode),
    /// There was no answer, or it broke off.
    #[error("no answer from Contact2Sale")]
    Call(#[source] outbound::Error),
}

/// What was asked: a status means different things for different calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Lead,
    List,
    Message,
}

impl Error {
    /// Whether the same may succeed later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::Unavailable { .. } | Self::Unexpected(_) => true,
            Self::Call(error) => error.may_pass(),
            Self::NoToken
            | Self::Unauthorized(_)
            | Self::NotFound
            | Self::LeadId
            | Self::Since
            | Self::Refused { .. } => false,
        }
    }

    /// Whether only a person helps: a new token.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::NoToken | Self::Unauthorized(_))
    }

    /// Whether the settings lead to somebody else, or nowhere.
    pub fn is_misdirected(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_misdirected())
    }

    /// Whether nobody was reached, so that it cannot be for what was asked.
    pub fn is_unreached(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_unreached())
    }

    /// Whether it is not known if Contact2Sale did what it was asked.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Call(error) => error.is_uncertain(),
            Self::Unavailable { .. } | Self::Unexpected(_) => true,
            _ => false,
        }
    }

    /// How long nobody of us should call, if Contact2Sale or our own caution says so.
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
            Self::NoToken | Self::Unauthorized(_) => TOKEN_REFUSED,
            Self::NotFound | Self::LeadId => LEAD_NOT_FOUND,
            Self::Limited { .. } => code::RATE_LIMITED,
            Self::Refused { .. } | Self::Since => REFUSED,
            Self::Unavailable { .. } | Self::Unexpected(_) | Self::Call(_) => code::UNAVAILABLE,
        }
    }

    /// What an answer that is no success means.
    pub(crate) fn of(call: Call, answer: &Answer, limit_wait: Duration) -> Self {
        let (status, said) = (answer.status, said(answer));
        // It may quote what we sent.
        let message = people::plain_words(&said);
        match status {
            // A list answers 403 to a date or a page size that it does not like.
            StatusCode::FORBIDDEN if call == Call::List && is_about_the_query(&said) => {
                Self::Refused { status, message }
            }
            StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN => {
                Self::Unauthorized(message)
            }
            StatusCode::NOT_FOUND | StatusCode::GONE if call != Call::List => Self::NotFound,
            StatusCode::TOO_MANY_REQUESTS => {
                Self::Limited { after: answer.retry_after().unwrap_or(limit_wait) }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
                Self::Unavailable { status, message, after: answer.retry_after() }
            }
            status if status.is_server_error() => {
                Self::Unavailable { status, message, after: answer.retry_after() }
            }
            _ => Self::Refused { status, message },
        }
    }
}

fn is_about_the_query(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["date", "strptime", "perpage", "per_page"].iter().any(|word| message.contains(word))
}

/// What an error says, where it says it in words. Anything else is left out: it could be the lead.
fn said(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap_or_default();
    let text = ["msg", "message", "error", "errors"].iter().find_map(|name| body.get(name)?.as_str());
    text.unwrap_or("no reason is given").to_owned()
}
