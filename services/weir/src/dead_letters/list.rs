//! `weir dead-letters list`.

use std::process::ExitCode;

use sqlx::PgConnection;
use store::dead_letters::{self, Listed};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{filter::FilterArgs, unreadable};
use crate::{
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir dead-letters list --status dead --since 1d
  weir dead-letters list --consumer c2s-enricher --reason attempts_exhausted
  weir dead-letters list --group 5f2b1c0d9e8a7b6c --json
  weir dead-letters list --limit 100 --after 0199a1c2-...     the page after that one";

/// Longest error that a line shows, in characters.
const ERROR_MAX: usize = 60;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Those that come after this dead letter in the list.
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter(&[], OffsetDateTime::now_utc());
    let letters =
        dead_letters::list(connection, &filter, args.after, args.limit).await.map_err(unreadable)?;
    output.table(
        ["FAILED LAST", "STATUS", "CONSUMER", "TYPE", "SUBJECT", "REASON", "ERROR", "ID"],
        letters.iter().map(row),
    )?;
    if letters.is_empty() {
        output.line("no dead letters match")?;
    }
    if let (Some(last), true) = (letters.last(), letters.len() == usize::from(args.limit)) {
        output.line(format!("\nthere may be more: --after {}", last.id))?;
    }
    output.document(&letters)?;
    Ok(ExitCode::SUCCESS)
}

fn row(letter: &Listed) -> [String; 8] {
    let error = letter.last_error.as_deref().and_then(|error| error.lines().next()).unwrap_or("-");
    let mut short: String = error.chars().take(ERROR_MAX).collect();
    if short.len() < error.len() {
        short.push('…');
    }
    [
        minutes(letter.last_failed_at),
        letter.status.to_string(),
        letter.consumer.clone(),
        letter.event_type.clone(),
        letter.subject.clone().unwrap_or_else(|| "-".to_owned()),
        letter.reason_code.clone(),
        short,
        letter.id.to_string(),
    ]
}
