//! `weir streams`: what the broker holds.

use std::{process::ExitCode, time::Duration};

use bus::{StreamState, Topology, age};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    context::{Context, broker},
    failure::Failure,
    output::{minutes, size, span},
};

const WAIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  weir streams
  weir streams --json";

/// Show what each stream holds: messages, bytes, first and last, and how old the oldest event is that is not settled.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let bus = broker(&settings, WAIT).await?;
    let topology = Topology::embedded();
    let mut found = Vec::new();
    for name in topology.streams.keys() {
        match topology.stream_state(&bus, name).await.map_err(Failure::away)? {
            Some(state) => found.push(state),
            None => context.output.note(&format!("stream {name} does not exist: run `weir provision`")),
        }
    }
    bus.close().await;
    let now = OffsetDateTime::now_utc();
    context.output.table(
        [
            "STREAM",
            "MESSAGES",
            "BYTES",
            "OF",
            "FIRST",
            "SINCE",
            "LAST",
            "AT",
            "DUPLICATES WITHIN",
            "UNSETTLED SINCE",
        ],
        found.iter().map(|state| row(state, now)),
    )?;
    context.output.document(&json!({ "streams": found }))?;
    Ok(ExitCode::SUCCESS)
}

fn row(state: &StreamState, now: OffsetDateTime) -> [String; 10] {
    let instant = |at: Option<OffsetDateTime>| at.map_or_else(|| "-".to_owned(), minutes);
    [
        state.name.clone(),
        state.messages.to_string(),
        size(state.bytes),
        u64::try_from(state.bytes_max).map_or_else(|_| "no limit".to_owned(), size),
        state.first_sequence.to_string(),
        instant(state.first_at),
        state.last_sequence.to_string(),
        instant(state.last_at),
        span(Duration::from_secs(state.duplicate_window_seconds)),
        state.oldest_at.map_or_else(|| "-".to_owned(), |at| span(age(at, now))),
    ]
}
