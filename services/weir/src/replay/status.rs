//! `weir replay status`.

use std::process::ExitCode;

use serde_json::{Value, json};
use sqlx::PgConnection;
use store::replays::{self, Job, JobStatus, Progress};

use super::{job, note_without_runner, unreadable};
use crate::{
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir replay status
  weir replay status november-outage
  weir replay status november-outage --json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job's name; absent: the newest jobs.
    name: Option<String>,
    /// Jobs in the list, at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    match &args.name {
        Some(name) => show(name, connection, output).await?,
        None => list(args.limit, connection, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One job, for people and for machines.
pub(super) async fn show(name: &str, connection: &mut PgConnection, output: Output) -> Result<(), Failure> {
    let job = job(name, connection).await?;
    let progress = replays::progress(connection, job.id).await.map_err(unreadable)?;
    output.line(format!("{} is {}: {}", job.name, job.status, far(&job, &progress)))?;
    summary(&job, &progress, connection, output).await?;
    if job.status == JobStatus::Running {
        note_without_runner(connection, output).await?;
    }
    output.document(&document(name, connection).await?)?;
    Ok(())
}

/// What became of a job's items so far.
pub(super) async fn summary(
    job: &Job,
    progress: &Progress,
    connection: &mut PgConnection,
    output: Output,
) -> Result<(), Failure> {
    let outcomes = replays::outcomes(connection, job.id).await.map_err(unreadable)?;
    for (count, what) in [
        (outcomes.completed, "completed, with effects"),
        (outcomes.moot, "completed without effects: another event had them"),
        (outcomes.dead, "died again"),
        (outcomes.open, "on their way"),
        (progress.pending + progress.publishing, "not published yet"),
    ] {
        if count > 0 {
            output.line(format!("  {count:>7} {what}"))?;
        }
    }
    let refused = replays::refusals(connection, job.id).await.map_err(unreadable)?;
    if !refused.is_empty() {
        output.line("\nnot published:")?;
        let rows = refused.into_iter().map(|row| [row.count.to_string(), row.reason_code, row.error]);
        output.table(["EVENTS", "REASON", "WHY"], rows)?;
    }
    Ok(())
}

/// Everything about a job.
pub(super) async fn document(name: &str, connection: &mut PgConnection) -> Result<Value, Failure> {
    let job = job(name, connection).await?;
    Ok(json!({
        "job": &job,
        "progress": replays::progress(connection, job.id).await.map_err(unreadable)?,
        "outcomes": replays::outcomes(connection, job.id).await.map_err(unreadable)?,
        "refused": replays::refusals(connection, job.id).await.map_err(unreadable)?,
        "has_runner": replays::has_leader(connection).await.map_err(unreadable)?,
    }))
}

async fn list(limit: u16, connection: &mut PgConnection, output: Output) -> Result<(), Failure> {
    let jobs = replays::list(connection, limit).await.map_err(unreadable)?;
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for job in &jobs {
        let progress = replays::progress(connection, job.id).await.map_err(unreadable)?;
        rows.push([
            minutes(job.created_at),
            job.status.to_string(),
            job.name.clone(),
            far(job, &progress),
            job.rate_per_second.to_string(),
            job.consumer.clone().unwrap_or_else(|| "all".to_owned()),
        ]);
        documents.push(json!({ "job": job, "progress": progress }));
    }
    if jobs.is_empty() {
        output.line("no jobs")?;
    } else {
        output.table(["STARTED", "STATUS", "NAME", "DONE", "RATE", "CONSUMER"], rows)?;
    }
    output.document(&documents)?;
    Ok(())
}

fn far(job: &Job, progress: &Progress) -> String {
    format!("{} of {}", progress.done(), job.total)
}
