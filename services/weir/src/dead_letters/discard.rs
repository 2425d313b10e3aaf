//! `weir dead-letters discard`.

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::json;
use sqlx::PgConnection;
use store::dead_letters::{self, Filter, Status};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{filter::FilterArgs, named, unreadable};
use crate::{failure::Failure, output::Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir dead-letters discard 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --because \"sent by hand\"
  weir dead-letters discard --group 5f2b1c0d9e8a7b6c --because \"test data\"
  weir dead-letters discard --provider c2s --reason malformed --dry-run --because \"noise\"

What is discarded can still be shown, exported and replayed.";

/// Rows in one statement.
const PAGE: u16 = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// These: ids of dead letters or of their events.
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Why they are not needed; kept beside each.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    because: String,
    /// Only say how many it would be.
    #[arg(long)]
    dry_run: bool,
}

fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("say why") } else { Ok(text.to_owned()) }
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let now = OffsetDateTime::now_utc();
    let ids = named(&args.ids, connection).await?;
    let filter = args.filter.filter(&ids, now);
    if filter.is_empty() {
        let error = anyhow!("this would discard every dead letter there is");
        return Err(Failure::usage(error).hint("name some ids, or a filter such as --group or --reason"));
    }
    let filter = Filter { status: Some(filter.status.unwrap_or(Status::Dead)), ..filter };
    if args.dry_run {
        let count = dead_letters::count(connection, &filter).await.map_err(unreadable)?;
        output.line(format!("{count} dead letters would be discarded"))?;
        output.document(&json!({ "dry_run": true, "count": count }))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Page by page, so that no statement holds many rows; what dies meanwhile is not meant.
    let (mut after, mut discarded) = (None, 0);
    loop {
        let page = dead_letters::ids(connection, &filter, after, PAGE).await.map_err(unreadable)?;
        let Some(last) = page.last().copied() else { break };
        discarded +=
            dead_letters::discard(connection, &page, &args.because, now).await.map_err(unreadable)?;
        after = Some(last);
    }
    output.line(format!("{discarded} dead letters discarded"))?;
    output.document(&json!({ "discarded": discarded }))?;
    Ok(ExitCode::SUCCESS)
}
