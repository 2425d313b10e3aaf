//! Why a call to Meta did not do what it was asked.

use std::time::Duration;

use http::StatusCode;
use outbound::{Answer, Url};
use serde_json::Value;

/// Codes by which Meta says that a limit is reached; the business use cases have a range of their own.
const LIMIT_CODES: &[i64] = &[4, 17, 32, 613];
const LIMIT_CODES_OF_BUSINESS: std::ops::RangeInclusive<i64> = 80_000..=80_014;
/// "An unknown error occurred" and "service temporarily unavailable".
const PASSING_CODES: &[i64] = &[1, 2];
const TOKEN_CODE: i64 = 190;

/// Why a call to Meta did not do what it was asked. No variant holds a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is dead (error 190): expired, revoked, or never one. Only a new one helps.
    #[error("the access token is dead: {message}")]
    TokenDead {
        /// Meta's finer code, such as 463 for "expired".
        subcode: Option<i64>,
        /// What Meta says, cleaned.
        message: String,
    },
    /// A rate limit is reached, or so near that we pause.
    #[error("Meta's rate limit is reached; calls pause for {} s", wait.as_secs())]
    Limited {
        /// How long.
        wait: Duration,
    },
    /// Meta refuses the request itself.
    #[error("Meta refuses it with error {code}: {message}")]
    Refused {
        /// Meta's code.
        code: i64,
        /// What Meta says, cleaned.
        message: String,
        /// What Meta's support asks for.
        trace: Option<String>,
    },
    /// Meta failed, or answered with something that is none of its answers.
    #[error("Meta answers with {status} and nothing that can be understood")]
    Unexpected {
        /// The status.
        status: StatusCode,
    },
    /// Meta fails for the moment.
    #[error("Meta fails with {status}: {message}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// What Meta says, cleaned.
        message: String,
    },
    /// There was no answer.
    #[error("no answer from Meta")]
    Call(#[source] outbound::Error),
    /// The id of the account is not one.
    #[error("an account's id has up to 32 digits")]
    Account,
}

impl Error {
    /// Whether the same may succeed later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::Unavailable { .. } => true,
            Self::Unexpected { status } => status.is_server_error(),
            Self::Call(error) => error.may_pass(),
            Self::TokenDead { .. } | Self::Refused { .. } | Self::Account => false,
        }
    }

    /// A word for tables and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenDead { .. } => "token_dead",
            Self::Limited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Unexpected { .. } | Self::Unavailable { .. } | Self::Call(_) => "unavailable",
            Self::Account => "invalid_account",
        }
    }
}

/// Meta's error object. Whatever in it is absent or of another type one day costs only itself. Proved by
/// `a_dead_token_is_known_whatever_else_the_error_holds`.
struct Told {
    message: String,
    code: i64,
    subcode: Option<i64>,
    is_transient: bool,
    trace: Option<String>,
}

impl Told {
    fn in_answer(answer: &Answer) -> Option<Self> {
        let body: Value = answer.json().ok()?;
        let error = body.get("error")?;
        let number = |name| {
            let value: &Value = error.get(name)?;
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        let text = |name| error.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            message: text("message").unwrap_or_default(),
            code: number("code")?,
            subcode: number("error_subcode"),
            is_transient: error.get("is_transient").and_then(Value::as_bool).unwrap_or_default(),
            trace: text("fbtrace_id"),
        })
    }
}

/// What an answer that is no success means.
pub(crate) enum Judged {
    Limited,
    Error(Error),
}

/// Reads an answer that is no success. `url` holds the values that must not come back with Meta's message.
pub(crate) fn judge(answer: &Answer, url: &Url) -> Judged {
    let status = answer.status;
    let Some(told) = Told::in_answer(answer) else {
        return match status {
            StatusCode::TOO_MANY_REQUESTS => Judged::Limited,
            _ => Judged::Error(Error::Unexpected { status }),
        };
    };
    let message = cleaned(&told.message, url);
    Judged::Error(match told.code {
        code if LIMIT_CODES.contains(&code) || LIMIT_CODES_OF_BUSINESS.contains(&code) => {
            return Judged::Limited;
        }
        TOKEN_CODE => Error::TokenDead { subcode: told.subcode, message },
        code if PASSING_CODES.contains(&code) || told.is_transient || status.is_server_error() => {
            Error::Unavailable { status, message }
        }
        code => Error::Refused { code, message, trace: told.trace },
    })
}

/// Meta's message without what the query brought, on one line, and not longer than a sentence.
fn cleaned(message: &str, url: &Url) -> String {
    const MESSAGE_MAX_CHARS: usize = 400;
    let secrets = url.query_pairs().filter(|(name, _)| name == "access_token" || name == "appsecret_proof");
    let message = secrets
        .filter(|(_, value)| !value.is_empty())
        .fold(message.to_owned(), |message, (_, value)| message.replace(&*value, "[redacted]"));
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX_CHARS).collect()
}
