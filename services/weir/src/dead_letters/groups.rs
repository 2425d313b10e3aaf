//! `weir dead-letters groups`.

use std::process::ExitCode;

use serde_json::{Value, json};
use sqlx::PgConnection;
use store::failure_groups::{self, Group, normalised};
use time::OffsetDateTime;

use super::unreadable;
use crate::{
    failure::Failure,
    output::{Output, minutes},
    since::Since,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir dead-letters groups
  weir dead-letters groups --provider c2s --since 2d
  weir dead-letters replay --group 5f2b1c0d9e8a7b6c          publish a group again
  weir dead-letters discard --group 5f2b1c0d9e8a7b6c --because \"test data\"";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Failed last then or later: 90m, 2d, 2026-01-20, 2026-01-20T10:00:00Z.
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Also groups of which everything is replayed or discarded.
    #[arg(long)]
    all: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let since = args.since.map(|since| since.before(OffsetDateTime::now_utc()));
    let provider = args.provider.as_deref();
    let groups = failure_groups::list(connection, provider, since, !args.all, args.limit).await;
    let groups = groups.map_err(unreadable)?;
    output.table(
        ["DEAD", "ALL", "FIRST SEEN", "LAST SEEN", "CONSUMER", "TYPE", "REASON", "ERROR", "GROUP"],
        groups.iter().map(row),
    )?;
    if groups.is_empty() {
        output.line("no dead letters match")?;
    }
    output.document(&groups.iter().map(document).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

fn row(group: &Group) -> [String; 9] {
    [
        group.dead.to_string(),
        group.count.to_string(),
        minutes(group.first_seen),
        minutes(group.last_seen),
        group.consumer.clone(),
        group.event_type.clone(),
        group.reason_code.clone(),
        title(group),
        group.fingerprint.clone(),
    ]
}

/// What the failures of a group have in common.
fn title(group: &Group) -> String {
    group.sample_error.as_deref().map_or_else(|| "-".to_owned(), normalised)
}

fn document(group: &Group) -> Value {
    let mut document = json!(group);
    if let Value::Object(members) = &mut document {
        members.insert("title".to_owned(), title(group).into());
    }
    document
}
