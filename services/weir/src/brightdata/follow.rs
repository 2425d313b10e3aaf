//! `weir brightdata status`, `fetch` and `redeliver`.

use std::process::ExitCode;

use anyhow::Context as _;
use brightdata_api::SnapshotId;
use config::Settings;
use serde_json::{Value, json};
use store::scrape_requests::{self, ScrapeRequest};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{JobArgs, WAIT, channel, failed, not_ready, open};
use crate::{
    context::database,
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  weir brightdata status
  weir brightdata status s_m4x7enmven8djfqak";

pub(super) const FETCH_EXAMPLES: &str = "\
Examples:
  weir brightdata fetch s_m4x7enmven8djfqak
  weir brightdata lost --fetch              all that never came";

pub(super) const REDELIVER_EXAMPLES: &str = "\
Examples:
  weir brightdata redeliver s_m4x7enmven8djfqak";

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Bright Data's id of the job.
    snapshot_id: Option<SnapshotId>,
    /// Jobs in the list, at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn status(
    args: &StatusArgs,
    settings: &Settings,
    output: Output,
) -> Result<ExitCode, Failure> {
    let Some(snapshot_id) = &args.snapshot_id else { return list(args.limit, settings, output).await };
    let status = open(settings).await?.status(snapshot_id).await.map_err(failed)?;
    let progress = &status.progress;
    output.line(format!("Bright Data says: {}", progress.status))?;
    if let Some(records) = progress.record_count() {
        output.line(format!("  records {records}, errors {}", progress.error_count().unwrap_or_default()))?;
    }
    match &status.known {
        Some(known) => output.table(HEADER, [row(known)])?,
        None => output.line("we have not heard of it")?,
    }
    output.document(&json!({ "progress": progress, "known": status.known.as_ref().map(document) }))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn fetch(args: &JobArgs, settings: &Settings, output: Output) -> Result<ExitCode, Failure> {
    let scraping = open(settings).await?;
    let (bus, channel) = channel(settings).await?;
    let fetched = scraping.fetch(&args.snapshot_id, &channel, OffsetDateTime::now_utc()).await;
    bus.close().await;
    let fetched = fetched.map_err(failed)?.ok_or_else(|| not_ready(&args.snapshot_id))?;
    output.line(format!(
        "{} records in {} new events; {} events had arrived before",
        fetched.records, fetched.new, fetched.duplicates
    ))?;
    output.document(&fetched)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn redeliver(
    args: &JobArgs,
    settings: &Settings,
    output: Output,
) -> Result<ExitCode, Failure> {
    let delivery_id = open(settings).await?.redeliver(&args.snapshot_id).await.map_err(failed)?;
    output.line(format!("{} is being delivered again ({delivery_id})", args.snapshot_id))?;
    output.document(&json!({ "snapshot_id": args.snapshot_id, "delivery_id": delivery_id }))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(limit: u16, settings: &Settings, output: Output) -> Result<ExitCode, Failure> {
    let pool = database(settings, WAIT).await?;
    let mut connection = pool.acquire().await.context("cannot read the jobs")?;
    let jobs = scrape_requests::list(&mut connection, limit).await.context("cannot read the jobs")?;
    output.table(HEADER, jobs.iter().map(row))?;
    if jobs.is_empty() {
        output.line("no jobs are known")?;
    }
    output.document(&jobs.iter().map(document).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

const HEADER: [&str; 7] = ["REQUESTED", "STATUS", "SNAPSHOT", "ABOUT", "RECORDS", "ERRORS", "REASON"];

fn row(job: &ScrapeRequest) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let about = [&job.platform, &job.kind].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    [
        minutes(job.requested_at),
        job.status.to_string(),
        or_dash(job.snapshot_id.clone()),
        or_dash(Some(about).filter(|about| !about.is_empty()).or_else(|| job.dataset_id.clone())),
        job.records.to_string(),
        job.record_errors.to_string(),
        or_dash(job.error_code.clone()),
    ]
}

/// A job as one document.
pub(super) fn document(job: &ScrapeRequest) -> Value {
    let at = |instant: Option<OffsetDateTime>| instant.and_then(|instant| instant.format(&Rfc3339).ok());
    json!({
        "id": job.id,
        "snapshot_id": job.snapshot_id,
        "dataset_id": job.dataset_id,
        "platform": job.platform,
        "kind": job.kind,
        "origin": job.origin,
        "status": job.status,
        "provider_status": job.provider_status,
        "error_code": job.error_code,
        "error_message": job.error_message,
        "records_announced": job.records_announced,
        "errors_announced": job.errors_announced,
        "parts": job.parts,
        "records": job.records,
        "record_errors": job.record_errors,
        "record_warnings": job.record_warnings,
        "record_unrecognised": job.record_unrecognised,
        "requested_at": at(Some(job.requested_at)),
        "ready_at": at(job.ready_at),
        "data_first_at": at(job.data_first_at),
        "data_last_at": at(job.data_last_at),
        "finished_at": at(job.finished_at),
    })
}
