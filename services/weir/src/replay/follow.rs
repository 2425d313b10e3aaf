//! Staying until a job is over.

use std::{process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use sqlx::PgConnection;
use store::replays::{self, Job, JobStatus};

use super::{status, unreadable};
use crate::{
    failure::{Failure, WRONG},
    output::Output,
};

const POLL: Duration = Duration::from_millis(250);

/// Shows the progress on standard error, if that is a terminal, until the job is over or paused. Leaving does not end the
/// job.
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
    let (job, progress) = loop {
        let job = super::job(&job.name, connection).await?;
        let progress = replays::progress(connection, job.id).await.map_err(unreadable)?;
        bar.set_position(u64::try_from(progress.done()).unwrap_or(0));
        if job.status != JobStatus::Running {
            break (job, progress);
        }
        tokio::time::sleep(POLL).await;
    };
    bar.finish_and_clear();
    output.line(format!("{} is {}", job.name, job.status))?;
    status::summary(&job, &progress, connection, output).await?;
    output.document(&status::document(&job.name, connection).await?)?;
    let is_well = job.status == JobStatus::Completed && progress.failed == 0;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}
