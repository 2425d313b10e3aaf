//! Removing what is old: by key order, a bounded batch at a time, and never what is not settled.
//!
//! Each `step` looks at the next batch of old rows and says which of them may go and how far it came; the caller deletes
//! them in the same transaction, or only counts. A row stays as long as anything needs it: an audit that has not counted
//! it, a replay under way.

pub mod bodies;
pub mod dead_letters;
pub mod duplicates;
pub mod handlings;
pub mod hook_events;
pub mod ledger;
pub mod replays;
pub mod usage;

use sqlx::{Executor as _, PgConnection};
use time::OffsetDateTime;

use crate::webhook_events::Status;

/// Which rows are old.
#[derive(Debug, Clone, Copy)]
pub struct Old<'a> {
    /// Of this provider.
    pub provider: &'a str,
    /// On its stream.
    pub stream: &'a str,
    /// In this status.
    pub status: Status,
    /// Settled before.
    pub before: OffsetDateTime,
    /// Rows looked at in one step, at most.
    pub limit: i64,
}

/// One step through a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<Row, Key> {
    /// Rows that may go.
    pub rows: Vec<Row>,
    /// Old rows that something still needs.
    pub kept: u64,
    /// Where the next step begins; none after the last one.
    pub next: Option<Key>,
}

impl<Row, Key> Step<Row, Key> {
    /// How many rows may go.
    pub fn count(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// Sorts what a window showed. A full window may not have been the last.
    fn of(window: Vec<(Row, bool)>, last: Option<Key>, limit: i64) -> Self {
        let is_full = i64::try_from(window.len()).is_ok_and(|seen| seen >= limit);
        let seen = window.len();
        let rows: Vec<_> = window.into_iter().filter(|(_, may_go)| *may_go).map(|(row, _)| row).collect();
        let kept = u64::try_from(seen - rows.len()).unwrap_or(u64::MAX);
        Self { rows, kept, next: last.filter(|_| is_full) }
    }
}

/// The tables that lose rows here.
pub const TABLES: [&str; 12] = [
    "webhook_events",
    "webhook_event_duplicates",
    "event_handlings",
    "dead_letters",
    "replay_jobs",
    "replay_items",
    "replay_edits",
    "hook_events",
    "hook_deliveries",
    "hook_attempts",
    "usage_queries",
    "usage_sessions",
];

/// Gives the room of deleted rows back for new ones, and renews what the planner knows. Blocks nobody; not within a
/// transaction.
///
/// # Errors
/// Those of the database.
pub async fn vacuum(connection: &mut PgConnection, table: &'static str) -> sqlx::Result<()> {
    // A table's name cannot be a parameter; this one is a constant of ours.
    connection.execute(sqlx::AssertSqlSafe(format!("vacuum (analyze) {table}"))).await?;
    Ok(())
}

/// Bytes of the whole database.
///
/// # Errors
/// Those of the database.
pub async fn database_bytes(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"select pg_database_size(current_database()) as "bytes!""#)
        .fetch_one(connection)
        .await
}
