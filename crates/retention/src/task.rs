//! One kind of rows, of one provider, in one status.

use serde::Serialize;
use store::webhook_events::Status;
use time::OffsetDateTime;

use crate::work::Work;

/// A kind of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The ledger.
    Events,
    /// Bodies in the ledger, whose rows stay.
    Bodies,
    /// Notes of messages that repeated an event.
    Duplicates,
    /// Accounts of secondary consumers.
    Handlings,
    /// Dead letters.
    DeadLetters,
    /// Items of replays.
    Replays,
    /// Events that went to hooks, with deliveries and attempts.
    HookEvents,
    /// Queries of usage reports.
    Queries,
    /// Sessions of usage reports.
    Sessions,
}

impl What {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Bodies => "bodies",
            Self::Duplicates => "duplicates",
            Self::Handlings => "handlings",
            Self::DeadLetters => "dead_letters",
            Self::Replays => "replays",
            Self::HookEvents => "hook_events",
            Self::Queries => "queries",
            Self::Sessions => "sessions",
        }
    }
}

/// What became of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The kind.
    pub what: What,
    /// Of this provider; empty where it is all the same.
    pub provider: &'static str,
    /// In this status.
    pub status: Status,
    /// Older than.
    #[serde(with = "time::serde::rfc3339")]
    pub before: OffsetDateTime,
    /// Rows that went, or would.
    pub deleted: u64,
    /// Rows as old that something still needs: an audit that has not counted them, a replay.
    pub kept: u64,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Task(Line);

impl Task {
    pub(crate) const fn new(
        what: What,
        provider: &'static str,
        status: Status,
        before: OffsetDateTime,
    ) -> Self {
        Self(Line { what, provider, status, before, deleted: 0, kept: 0 })
    }

    pub(crate) fn begin(&self) -> Work {
        Work::begin(self.0.clone())
    }

    /// Which comes first: what others keep, then what keeps it. So no task finds what another one has changed, and a dry
    /// run counts what a real one removes; what is left by what went goes the next time. Proved by
    /// `a_dry_run_counts_what_a_real_one_then_removes`.
    pub(crate) const fn turn(&self) -> u8 {
        match self.0.what {
            What::DeadLetters => 0,
            What::Bodies
            | What::Duplicates
            | What::Handlings
            | What::HookEvents
            | What::Queries
            | What::Sessions => 1,
            What::Events => 2,
            What::Replays => 3,
        }
    }

    #[cfg(test)]
    pub(crate) fn is(&self, what: What, status: Status) -> bool {
        self.0.what == what && self.0.status == status
    }

    #[cfg(test)]
    pub(crate) const fn before(&self) -> OffsetDateTime {
        self.0.before
    }
}
