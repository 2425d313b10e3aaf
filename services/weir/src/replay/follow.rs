//! Staying until a job is over.

use std::{process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use sqlx::PgConnection;
use store::replays::{self, Job, JobStatus, Progress};

use super::{status, unreadable};
use crate::{
    failure::{Failure, WRONG},
    output::Output,
};

const POLL: Duration = Duration::from_millis(250);

/// Shows the progress on standard error, if that is a terminal, until the job is over or paused. Leaving, by Ctrl-C or
/// because the database is away, does not end the job.
pub(super) async fn run(
    job: &Job,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let bar = ProgressBar::new(u64::try_from(job.total).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({per_sec}, {eta} left)") {
        bar.set_style(style);
    }
    bar.set_message(job.name.clone());
    // Around all of it: a database that hangs must not hold whoever wants to leave.
    let (job, progress) = tokio::select! {
        over = until_over(&job.name, &bar, connection) => over?,
        _ = tokio::signal::ctrl_c() => {
            bar.finish_and_clear();
            let name = &job.name;
            output.note(&format!("{name} goes on without you: `weir replay status {name}`, or `abort` to end it"));
            return Ok(ExitCode::from(WRONG));
        }
    };
    bar.finish_and_clear();
    output.line(format!("{} is {}", job.name, job.status))?;
    status::summary(&job, &progress, connection, output).await?;
    output.document(&status::document(&job.name, connection).await?)?;
    let is_well = job.status == JobStatus::Completed && progress.failed == 0;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

async fn until_over(
    name: &str,
    bar: &ProgressBar,
    connection: &mut PgConnection,
) -> Result<(Job, Progress), Failure> {
    loop {
        let job = super::job(name, connection).await?;
        let progress = replays::progress(connection, job.id).await.map_err(unreadable)?;
        bar.set_position(u64::try_from(progress.done()).unwrap_or(0));
        if job.status != JobStatus::Running {
            return Ok((job, progress));
        }
        tokio::time::sleep(POLL).await;
    }
}
