//! `weir brightdata lost`.

use std::process::ExitCode;

use config::Settings;
use scraping::{Channel, Lost, Missing, Scraping};
use serde_json::json;
use time::OffsetDateTime;

use super::{channel, failed, follow::document, open};
use crate::{
    failure::{Failure, WRONG},
    output::Output,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir brightdata lost              exit code 1 if something never came
  weir brightdata lost --fetch      bring it in";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fetch the data that never came, and note the words that never came.
    #[arg(long)]
    fetch: bool,
}

pub(super) async fn run(args: &Args, settings: &Settings, output: Output) -> Result<ExitCode, Failure> {
    let scraping = open(settings).await?;
    let lost = scraping.lost(OffsetDateTime::now_utc()).await.map_err(failed)?;
    let mut done = Vec::new();
    if args.fetch && !lost.is_empty() {
        let (bus, channel) = channel(settings).await?;
        for lost in &lost {
            done.push(bring_in(&scraping, lost, &channel).await);
        }
        bus.close().await;
    }
    let outcomes = done.iter().map(|outcome| Some(outcome.as_ref())).chain(std::iter::repeat(None));
    let rows: Vec<_> = lost.iter().zip(outcomes).collect();
    output.table(
        ["SNAPSHOT", "MISSING", "DONE"],
        rows.iter().map(|(lost, outcome)| [lost.snapshot_id.to_string(), missing(lost), told(*outcome)]),
    )?;
    if lost.is_empty() {
        output.line("nothing is lost")?;
    }
    let documents: Vec<_> = rows
        .iter()
        .map(|(lost, outcome)| {
            let done = outcome.map(|outcome| outcome.is_ok());
            json!({ "missing": &lost.missing, "job": document(&lost.request), "done": done, "told": told(*outcome) })
        })
        .collect();
    output.document(&documents)?;
    let all_done = done.len() == lost.len() && done.iter().all(Result::is_ok);
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

async fn bring_in(scraping: &Scraping, lost: &Lost, channel: &Channel) -> Result<String, Failure> {
    let now = OffsetDateTime::now_utc();
    scraping.tell(lost, channel, now).await.map_err(failed)?;
    if !lost.has_data() {
        return Ok("noted".to_owned());
    }
    match scraping.fetch(&lost.snapshot_id, channel, now).await.map_err(failed)? {
        Some(fetched) => Ok(format!("{} records fetched", fetched.records)),
        None => Err(super::not_ready(&lost.snapshot_id)),
    }
}

fn missing(lost: &Lost) -> String {
    match &lost.missing {
        Missing::Data => "its data: it is ready, and nothing came".to_owned(),
        Missing::Word { progress } => format!("its last word: it is {}", progress.status),
    }
}

fn told(outcome: Option<Result<&String, &Failure>>) -> String {
    match outcome {
        None => "-".to_owned(),
        Some(Ok(done)) => done.clone(),
        Some(Err(failure)) => failure.sentence(),
    }
}
