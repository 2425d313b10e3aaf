//! `weir zapier sessions`.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use sqlx::PgPool;
use store::usage_sessions::{self, Session};

use crate::{
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier sessions
  weir zapier sessions session_123 --json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// This session alone.
    session_id: Option<String>,
    /// At most so many, those active last.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn run(args: &Args, pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let mut connection = pool.acquire().await.context("cannot read the sessions")?;
    if let Some(id) = &args.session_id {
        let session = usage_sessions::find(&mut connection, id).await.context("cannot read the session")?;
        let session = session.ok_or_else(|| {
            Failure::from(anyhow!("there is no session {id}"))
                .hint("`weir zapier sessions` shows those active last")
        })?;
        table(std::slice::from_ref(&session), output)?;
        output.document(&session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sessions =
        usage_sessions::list(&mut connection, args.limit.into()).await.context("cannot read the sessions")?;
    table(&sessions, output)?;
    if sessions.is_empty() {
        output.line("there are no sessions")?;
    }
    output.document(&sessions)?;
    Ok(ExitCode::SUCCESS)
}

fn table(sessions: &[Session], output: Output) -> anyhow::Result<()> {
    let header = [
        "SESSION",
        "FIRST",
        "LAST",
        "QUERIES",
        "FAILED",
        "TOKENS",
        "COST",
        "MEAN TIME",
        "MODELS",
        "ABOUT",
        "SENT ON",
    ];
    let rows = sessions.iter().map(|session| {
        let stats = session.webhook_stats;
        [
            session.session_id.clone(),
            minutes(session.created_at),
            minutes(session.last_activity),
            session.query_count.to_string(),
            session.failure_count.to_string(),
            session.total_tokens.to_string(),
            format!("{:.4}", session.total_cost),
            session.avg_response_time_ms.map_or_else(|| "-".to_owned(), |millis| format!("{millis:.0} ms")),
            session.models_used.join(", "),
            session.categories.join(", "),
            format!("{} of {}", stats.successful_deliveries, stats.total_deliveries),
        ]
    });
    output.table(header, rows)
}
