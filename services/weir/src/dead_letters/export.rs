//! `weir dead-letters export`.

use std::process::ExitCode;

use anyhow::Context as _;
use sqlx::PgConnection;
use store::dead_letters;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{filter::FilterArgs, named, show, unreadable};
use crate::{failure::Failure, output::Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir dead-letters export --provider c2s > dead.ndjson
  weir dead-letters export --status dead --since 7d | jq -r .last_error | sort | uniq -c

Each line is what `weir dead-letters show --json` shows: all fields, headers, and the exact body (`body`, or
`body_base64` where it is no text).";

/// Dead letters that are in memory at one time.
const PAGE: u16 = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// These: ids of dead letters or of their events.
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let ids = named(&args.ids, connection).await?;
    let filter = args.filter.filter(&ids, OffsetDateTime::now_utc());
    let mut after = None;
    loop {
        let page = dead_letters::pages(connection, &filter, after, PAGE).await.map_err(unreadable)?;
        for stored in &page {
            let mut line =
                serde_json::to_vec(&show::document(stored)?).context("a dead letter is plain data")?;
            line.push(b'\n');
            output.bytes(&line)?;
        }
        match page.last() {
            Some(last) => after = Some(last.letter.id),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}
