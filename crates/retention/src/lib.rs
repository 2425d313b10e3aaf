//! Removing what is old from the database: the ledger, notes of repeats, accounts of secondary consumers, dead letters,
//! replays, what went to hooks, and sessions of usage reports. For the service that does it every hour, and for `weir cleanup`.
//!
//! Promises:
//! - What is not settled is never deleted; asking for it is an error. Proved by `what_is_not_settled_is_never_deleted`
//!   and `asking_for_what_is_not_settled_is_refused`.
//! - An event is forgotten only when nothing can bring it again: its stream has dropped it, and no longer remembers its
//!   id. Proved by `a_ledger_must_outlive_its_streams`.
//! - A row stays as long as an audit has not counted it, or a replay of it is kept. Proved by
//!   `what_an_audit_has_not_counted_is_kept`.
//! - Each transaction touches a bounded number of rows, with a pause after it. Proved by
//!   `rows_go_in_bounded_batches`.
//!
//! Objects (bodies too large for a message) go by the age limit of their bucket, and results by that of their stream.

mod horizon;
mod plan;
mod task;
mod work;

use std::time::Duration;

use lifecycle::Shutdown;
use sqlx::PgPool;

pub use horizon::horizon;
pub use plan::{Ask, Plan, Refused};
pub use task::{Line, What};

/// Name of the lock: one process at a time.
const LOCK: &str = "retention";

/// Works a plan off and says what it did, one line for each kind, provider and status. A drain ends it between two
/// batches. `None`: another process is at it.
///
/// # Errors
/// Those of the database. What was deleted by then stays so.
pub async fn run(
    pool: &PgPool,
    plan: &Plan,
    shutdown: &Shutdown,
    mut progress: impl FnMut(&Line),
) -> sqlx::Result<Option<Vec<Line>>> {
    let Some(lock) = store::try_lock(pool, LOCK).await? else { return Ok(None) };
    let mut lines = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let mut work = task.begin();
        while !shutdown.is_draining() {
            let mut transaction = pool.begin().await?;
            let has_more = work.step(&mut transaction, plan).await?;
            transaction.commit().await?;
            progress(work.line());
            if !has_more {
                break;
            }
            pause(plan.pause, shutdown).await;
        }
        lines.push(work.line().clone());
    }
    lock.release().await?;
    Ok(Some(lines))
}

/// Leaves the database to others.
async fn pause(time: Duration, shutdown: &Shutdown) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = shutdown.draining() => {}
    }
}
