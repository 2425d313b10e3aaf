//! `weir zapier cleanup`.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;
use sqlx::PgPool;
use store::{hook_deliveries, usage_queries, usage_sessions};
use time::{Duration, OffsetDateTime};

use crate::{failure::Failure, output::Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier cleanup                   what is older than 30 days
  weir zapier cleanup --days 90";

/// Rows removed in one statement: a longer one would hold up who stores.
const ROWS_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Days that are kept. What waits for a hook is kept in any case, and so are the ledger and its dead letters, which
    /// `weir cleanup` looks after.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

pub(super) async fn run(args: &Args, pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let before = OffsetDateTime::now_utc() - Duration::days(args.days.into());
    let mut connection = pool.acquire().await.context("cannot remove what is old")?;
    let (mut queries, mut sessions, mut attempts, mut events) = (0, 0, 0, 0);
    loop {
        let removing = async {
            let queries = usage_queries::remove_before(&mut connection, before, ROWS_MAX).await?;
            let sessions = usage_sessions::remove_before(&mut connection, before, ROWS_MAX).await?;
            let (attempts, events) =
                hook_deliveries::remove_before(&mut connection, before, ROWS_MAX).await?;
            Ok::<_, sqlx::Error>([queries, sessions, attempts, events])
        };
        let removed = removing.await.context("cannot remove what is old")?;
        queries += removed[0];
        sessions += removed[1];
        attempts += removed[2];
        events += removed[3];
        if removed.iter().all(|rows| *rows == 0) {
            break;
        }
    }
    output.line(format!("removed {sessions} sessions, {queries} queries, {attempts} attempts and {events} events sent on, older than {} days", args.days))?;
    output.document(&json!({
        "days": args.days, "sessions": sessions, "queries": queries, "attempts": attempts, "events": events,
    }))?;
    Ok(ExitCode::SUCCESS)
}
