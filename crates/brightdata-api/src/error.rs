//! Why a call to Bright Data did not do what it was asked.

use std::time::Duration;

use http::StatusCode;
use outbound::Answer;
use serde::Deserialize;
use serde_json::Value;

/// Why a call to Bright Data did not do what it was asked. No variant holds a key or a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no API key.
    #[error("brightdata.api.key is not set")]
    NoKey,
    /// The API key is missing, of the wrong kind, or wrong.
    #[error("Bright Data does not accept brightdata.api.key: {0}")]
    Unauthorized(String),
    /// The inputs, the dataset or something else in the request is wrong.
    #[error("Bright Data refuses it ({code}): {message}")]
    Refused {
        /// Bright Data's code, or `refused`.
        code: String,
        /// What it says.
        message: String,
    },
    /// No such dataset, snapshot or delivery.
    #[error("Bright Data does not know it: {0}")]
    Unknown(String),
    /// It is not ready for that yet.
    #[error("Bright Data is not ready for it: {0}")]
    NotReady(String),
    /// Too many jobs are running (100 batches, 1,500 of one input), or too many calls were made.
    #[error("Bright Data's limit is reached: {message}")]
    Limited {
        /// What it says.
        message: String,
        /// When it says to come back.
        after: Option<Duration>,
    },
    /// Bright Data fails for the moment.
    #[error("Bright Data fails with {status}: {message}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
    /// A success that is none of its answers.
    #[error("Bright Data answers with {0} and nothing that can be understood")]
    Unexpected(StatusCode),
    /// There was no answer, or it broke off.
    #[error("no answer from Bright Data")]
    Call(#[source] outbound::Error),
}

#[derive(Deserialize)]
struct Told {
    error: Option<Value>,
    message: Option<String>,
    code: Option<String>,
    errors: Option<Value>,
}

impl Error {
    /// Whether the same may succeed later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::Unavailable { .. } | Self::NotReady(_) => true,
            Self::Call(error) => error.may_pass(),
            Self::NoKey
            | Self::Unauthorized(_)
            | Self::Refused { .. }
            | Self::Unknown(_)
            | Self::Unexpected(_) => false,
        }
    }

    /// Whether it is not known if Bright Data did what it was asked.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Call(error) => {
                matches!(
                    error,
                    outbound::Error::Timeout(_) | outbound::Error::Broken(_) | outbound::Error::TooLarge(_)
                )
            }
            Self::Unexpected(_) => true,
            _ => false,
        }
    }

    /// A word for tables and scripts.
    pub fn code(&self) -> &str {
        match self {
            Self::NoKey | Self::Unauthorized(_) => "unauthorized",
            Self::Refused { code, .. } => code,
            Self::Unknown(_) => "not_found",
            Self::NotReady(_) => "not_ready",
            Self::Limited { .. } => "rate_limited",
            Self::Unavailable { .. } | Self::Unexpected(_) | Self::Call(_) => "unavailable",
        }
    }

    /// What an answer that is no success means.
    pub(crate) fn of(answer: &Answer) -> Self {
        let status = answer.status;
        let (code, message) = told(answer);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized(message),
            StatusCode::NOT_FOUND => Self::Unknown(message),
            StatusCode::CONFLICT | StatusCode::ACCEPTED => Self::NotReady(message),
            StatusCode::TOO_MANY_REQUESTS => Self::Limited { message, after: answer.retry_after() },
            status if status.is_server_error() => Self::Unavailable { status, message },
            _ => Self::Refused { code: code.unwrap_or_else(|| "refused".to_owned()), message },
        }
    }
}

/// Code and text of an error, which is JSON in some places and plain text in others.
fn told(answer: &Answer) -> (Option<String>, String) {
    const MESSAGE_MAX_CHARS: usize = 400;
    let Ok(told) = answer.json::<Told>() else { return (None, answer.excerpt()) };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let message = told.error.map(text).or(told.message).unwrap_or_else(|| answer.excerpt());
    let message = match told.errors.filter(|errors| !errors.is_null()) {
        Some(errors) => format!("{message} {errors}"),
        None => message,
    };
    let plain = message.chars().map(|c| if c.is_control() { ' ' } else { c });
    (told.code, plain.take(MESSAGE_MAX_CHARS).collect())
}
