//! `weir brightdata lost`.

use std::process::ExitCode;

use anyhow::Context as _;
use config::Settings;
use scraping::{Channel, Lost, Missing, Scraping};
use serde_json::json;
use time::OffsetDateTime;

use super::{channel, failed, follow::document, open};
use crate::{
    failure::{AWAY, Failure, WRONG},
    output::Output,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir brightdata lost              exit code 1 if something never came
  weir brightdata lost --fetch      bring it in, by a timer

Prints what never came, and then one line that sums it up. Of two `--fetch` at one time the second does nothing.
With --fetch, exit code 1 means that something cannot be brought in, 3 that Bright Data or the broker does not answer or
is not ready: the next one tries again.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fetch the data that never came, and note the words that never came.
    #[arg(long)]
    fetch: bool,
}

pub(super) async fn run(args: &Args, settings: &Settings, output: Output) -> Result<ExitCode, Failure> {
    let scraping = open(settings).await?;
    if !args.fetch {
        let lost = find(&scraping).await?;
        let told: Vec<_> = lost.iter().map(|lost| (lost, None)).collect();
        tell(&told, output)?;
        return Ok(if lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) });
    }
    let Some(turn) = scraping.turn().await.map_err(failed)? else {
        output.line("another one is at work")?;
        output.document(&json!([]))?;
        return Ok(ExitCode::SUCCESS);
    };
    let lost = find(&scraping).await?;
    let mut done = Vec::with_capacity(lost.len());
    if !lost.is_empty() {
        let (bus, channel) = channel(settings).await?;
        for lost in &lost {
            done.push(bring_in(&scraping, lost, &channel).await);
        }
        bus.close().await;
    }
    turn.end().await.context("the database failed")?;
    let told: Vec<_> = lost.iter().zip(done.iter().map(|done| Some(done.as_ref()))).collect();
    tell(&told, output)?;
    let failures: Vec<_> = done.iter().filter_map(|done| done.as_ref().err()).collect();
    Ok(match failures.as_slice() {
        [] => ExitCode::SUCCESS,
        failures if failures.iter().all(|failure| failure.is_away()) => ExitCode::from(AWAY),
        _ => ExitCode::from(WRONG),
    })
}

async fn find(scraping: &Scraping) -> Result<Vec<Lost>, Failure> {
    scraping.lost(OffsetDateTime::now_utc()).await.map_err(failed)
}

/// What is missing, and what became of bringing it in, if that was tried.
type Told<'a> = (&'a Lost, Option<Result<&'a String, &'a Failure>>);

fn tell(told: &[Told<'_>], output: Output) -> anyhow::Result<()> {
    if !told.is_empty() {
        let row = |(lost, done): &Told<'_>| [lost.snapshot_id.to_string(), missing(lost), outcome(*done)];
        output.table(["SNAPSHOT", "MISSING", "DONE"], told.iter().map(row))?;
    }
    let done = told.iter().filter(|(_, done)| matches!(done, Some(Ok(_)))).count();
    output.line(match (told, done) {
        ([], _) => "nothing is lost".to_owned(),
        ([(_, None), ..], _) => format!("{} lost", told.len()),
        _ => format!("{} lost: {done} brought in, {} not", told.len(), told.len() - done),
    })?;
    let document = |(lost, done): &Told<'_>| {
        let is_done = done.map(|done| done.is_ok());
        json!({ "missing": &lost.missing, "job": document(&lost.request), "done": is_done, "told": outcome(*done) })
    };
    output.document(&told.iter().map(document).collect::<Vec<_>>())
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

fn outcome(outcome: Option<Result<&String, &Failure>>) -> String {
    match outcome {
        None => "-".to_owned(),
        Some(Ok(done)) => done.clone(),
        Some(Err(failure)) => failure.sentence(),
    }
}
