//! Codes: short stable words for why something was refused, will be tried again, or is dead. Callers, operators and
//! alerts branch on the code, never on the text beside it.

use std::fmt;

/// One stable word, such as `unauthorized` or `missing_updated_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static str);

impl Code {
    /// A code of a single service, which nobody else needs to know by name.
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The word itself.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The code for a word that came in a message header; an unknown word is [`REJECTED`].
    pub fn from_word(word: &str) -> Self {
        KNOWN.iter().copied().find(|code| code.0 == word).unwrap_or(REJECTED)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code($word);)*
        const KNOWN: &[Code] = &[$($name),*];
    };
}

codes! {
    /// Credentials are missing or wrong.
    UNAUTHORIZED = "unauthorized";
    /// The caller's address is not on the provider's allow-list, or the connection is not allowed.
    FORBIDDEN = "forbidden";
    /// No such endpoint.
    NOT_FOUND = "not_found";
    /// The endpoint exists, but not for this method.
    METHOD_NOT_ALLOWED = "method_not_allowed";
    /// The body is above the endpoint's limit.
    TOO_LARGE = "too_large";
    /// The body did not arrive in time.
    TIMEOUT = "timeout";
    /// The caller sends too fast.
    RATE_LIMITED = "rate_limited";
    /// Plain HTTP where HTTPS is required.
    HTTPS_REQUIRED = "https_required";
    /// The body is not JSON, or not UTF-8, or nested too deeply.
    MALFORMED = "malformed";
    /// The body is JSON, but not of a shape that the provider sends.
    UNEXPECTED_SHAPE = "unexpected_shape";
    /// A lead event without an id.
    MISSING_ID = "missing_id";
    /// A usage report without a session.
    MISSING_SESSION_ID = "missing_session_id";
    /// A lead event without `updated_at`.
    MISSING_UPDATED_AT = "missing_updated_at";
    /// A lead event whose `updated_at` is not a time.
    INVALID_UPDATED_AT = "invalid_updated_at";
    /// One event is larger than a message may be.
    EVENT_TOO_LARGE = "event_too_large";
    /// The stream did not acknowledge in time, or refused.
    STREAM_UNAVAILABLE = "stream_unavailable";
    /// More requests are in flight than the service accepts.
    OVERLOADED = "overloaded";
    /// The process is stopping; another one answers.
    DRAINING = "draining";
    /// A fault of ours.
    INTERNAL = "internal";
    /// Refused at the edge for a reason that this version does not know.
    REJECTED = "rejected";
    /// The message is not one of ours: an envelope header is missing or wrong.
    ENVELOPE_INVALID = "envelope_invalid";
    /// Every allowed attempt failed.
    ATTEMPTS_EXHAUSTED = "attempts_exhausted";
    /// The process died at work on the event, again and again.
    PROCESS_DIED = "process_died";
    /// The handler panicked.
    PANIC = "panic";
    /// The database refused the event itself.
    NOT_STORABLE = "not_storable";
    /// The database failed for the moment: a conflict with other work, or a statement that took too long.
    DATABASE_ERROR = "database_error";
    /// The stream lost the message (purged, expired) before it was done.
    MESSAGE_LOST = "message_lost";
    /// Somebody terminated the message without a verdict of the consumer.
    TERMINATED = "terminated";
    /// A hook refused an event for good.
    HOOK_REFUSED = "hook_refused";
    /// A hook answered that it fails, or not at all.
    HOOK_FAILED = "hook_failed";
    /// A hook asked to be left alone for a while.
    HOOK_THROTTLED = "hook_throttled";
    /// A hook is at an address that must not be called.
    HOOK_FORBIDDEN = "hook_forbidden";
    /// So many events wait for a hook that no more are taken from the stream.
    HOOK_BACKLOG_FULL = "hook_backlog_full";
    /// The database or another dependency is away.
    UNAVAILABLE = "unavailable";
    /// Erased because of the person in it, before it was handled.
    ERASED = "erased";
}
