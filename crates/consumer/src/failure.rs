//! What a handler may say instead of "done".

use std::time::Duration;

use contract::Code;

/// Why an event, or a batch of them, is not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may work next time: the event is given back and comes again, up to the consumer's `max_deliver`.
    #[error("{code}")]
    Retry {
        /// What went wrong, in one word.
        code: Code,
        /// When to try again; `None` leaves it to the backoff.
        after: Option<Duration>,
        /// The cause.
        #[source]
        source: anyhow::Error,
    },
    /// It can never work: the event becomes a dead letter now.
    #[error("{code}")]
    Dead {
        /// Why, in one word; the dead letter's reason.
        code: Code,
        /// The cause.
        #[source]
        source: anyhow::Error,
    },
    /// Not a failure: a limit is reached, or a destination is paused. It costs no attempt. The loop keeps the batch in
    /// hand, takes no more events meanwhile, and tries it again after `after`, whole; a drain gives it back. Only from
    /// `apply` and `handle`. Proved by `a_wait_costs_no_attempt_and_nothing_more_is_pulled_meanwhile`.
    #[error("{code}")]
    Wait {
        /// When to try again; at most a minute counts, then the handler is asked again.
        after: Duration,
        /// What is waited for, in one word.
        code: Code,
    },
    /// Something that every event needs is away. Not the event's fault: it costs no attempt, the loop waits.
    #[error("a dependency is away")]
    Unavailable {
        /// The cause.
        #[source]
        source: anyhow::Error,
    },
}

impl Failure {
    /// The code, for labels and records.
    pub fn code(&self) -> Code {
        match self {
            Self::Retry { code, .. } | Self::Dead { code, .. } | Self::Wait { code, .. } => *code,
            Self::Unavailable { .. } => contract::code::UNAVAILABLE,
        }
    }

    /// The cause and its causes, in one line.
    pub fn text(&self) -> String {
        match self {
            Self::Retry { source, .. } | Self::Dead { source, .. } | Self::Unavailable { source } => {
                format!("{source:#}")
            }
            Self::Wait { after, code } => format!("{code}: to wait {after:?}"),
        }
    }
}

/// What a [`Journal`](crate::Journal) is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// This attempt failed; another will follow.
    Failed {
        /// Why, in one word.
        code: Code,
        /// Why, in full.
        error: &'a str,
    },
    /// The event is dead.
    Dead {
        /// Why, in one word.
        code: Code,
        /// Why, in full.
        error: &'a str,
    },
}
