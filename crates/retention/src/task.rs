//! One kind of rows, of one provider, in one status.

use serde::Serialize;
use sqlx::PgConnection;
use store::{
    retention::{Old, bodies, dead_letters, duplicates, handlings, hook_events, ledger, replays},
    webhook_events::{self, Status},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::plan::Plan;

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

#[derive(Debug, Clone)]
pub(crate) struct Task(Line);

/// A task under way.
pub(crate) struct Work {
    line: Line,
    cursor: Cursor,
}

/// Where the last step ended.
enum Cursor {
    Begin,
    Instant(ledger::Key),
    Position(duplicates::Key),
    Handling(handlings::Key),
    Id(Uuid),
}

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
        Work { line: self.0.clone(), cursor: Cursor::Begin }
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

impl Work {
    pub(crate) const fn line(&self) -> &Line {
        &self.line
    }

    /// One batch. Whether there may be more.
    pub(crate) async fn step(&mut self, connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<bool> {
        let cursor = std::mem::replace(&mut self.cursor, Cursor::Begin);
        let old = Old {
            provider: self.line.provider,
            status: self.line.status,
            before: self.line.before,
            limit: plan.limit,
        };
        let (deleted, kept, next) = match self.line.what {
            What::Events => {
                let step = ledger::step(connection, &old, cursor.instant()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    ledger::delete(connection, &step.rows).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Instant))
            }
            What::Bodies => {
                let step = bodies::step(connection, &old, cursor.instant()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    webhook_events::erase(connection, &step.rows, plan.now).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Instant))
            }
            What::Duplicates => {
                let step = duplicates::step(connection, &old, cursor.position()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    duplicates::delete(connection, &step.rows).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Position))
            }
            What::Handlings => {
                let step = handlings::step(connection, &old, cursor.handling()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    handlings::delete(connection, &step.rows).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Handling))
            }
            What::DeadLetters => {
                let step = dead_letters::step(connection, &old, cursor.id()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    dead_letters::delete(connection, &step.rows).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Id))
            }
            What::HookEvents => {
                let step = hook_events::step(connection, &old, cursor.instant()).await?;
                let deleted = if plan.dry_run {
                    count(&step.rows)
                } else {
                    hook_events::delete(connection, &step.rows).await?
                };
                (deleted, step.kept, step.next.map(Cursor::Instant))
            }
            What::Replays => return self.replays(connection, plan).await,
        };
        self.line.deleted += deleted;
        self.line.kept += kept;
        let Some(next) = next else { return Ok(false) };
        self.cursor = next;
        Ok(true)
    }

    /// Items first, a batch at a time; the job goes with its last ones.
    async fn replays(&mut self, connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<bool> {
        if plan.dry_run {
            for job in replays::jobs(connection, self.line.before, plan.limit).await? {
                self.line.deleted += replays::count_items(connection, job).await?;
            }
            return Ok(false);
        }
        let Some(job) = replays::jobs(connection, self.line.before, 1).await?.into_iter().next() else {
            return Ok(false);
        };
        let deleted = replays::delete_items(connection, job, plan.limit).await?;
        self.line.deleted += deleted;
        if i64::try_from(deleted).is_ok_and(|deleted| deleted < plan.limit) {
            replays::delete_job(connection, job).await?;
        }
        Ok(true)
    }
}

fn count<T>(rows: &[T]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

impl Cursor {
    fn instant(self) -> Option<ledger::Key> {
        if let Self::Instant(key) = self { Some(key) } else { None }
    }

    fn position(self) -> Option<duplicates::Key> {
        if let Self::Position(key) = self { Some(key) } else { None }
    }

    fn handling(self) -> Option<handlings::Key> {
        if let Self::Handling(key) = self { Some(key) } else { None }
    }

    fn id(self) -> Option<Uuid> {
        if let Self::Id(id) = self { Some(id) } else { None }
    }
}
