//! `weir replay`: publish events again, as jobs that run in the background.

mod edit;
mod filter;
mod follow;
pub(crate) mod letters;
mod start;
mod status;

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use replay::{Order, PlanError, RATE_DEFAULT, RATE_MAX, StartError};
use sqlx::PgConnection;
use store::replays::{self, Job, JobStatus};
use time::OffsetDateTime;

pub(crate) use filter::{FilterArgs, word};

use crate::{
    context::{Context, database},
    failure::Failure,
    output::Output,
};

pub(crate) const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Publish events again: those that match a filter, or these.
    #[command(after_help = start::EXAMPLES)]
    Start(start::Args),
    /// Show jobs, or one job with what became of its replays.
    #[command(after_help = status::EXAMPLES)]
    Status(status::Args),
    /// Hold a job; what is published stays so.
    #[command(after_help = "Examples:\n  weir replay pause november-outage")]
    Pause(NameArgs),
    /// Go on with a job that was paused.
    #[command(after_help = "Examples:\n  weir replay resume november-outage")]
    Resume(NameArgs),
    /// End a job before its end; what is published stays so.
    #[command(after_help = "Examples:\n  weir replay abort november-outage")]
    Abort(NameArgs),
    /// Change an event's body, and publish that.
    #[command(after_help = edit::EXAMPLES)]
    Edit(edit::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NameArgs {
    /// The job's name.
    name: String,
}

/// How a job is to be done, whatever it publishes.
#[derive(Debug, clap::Args)]
pub(crate) struct JobArgs {
    /// What to call the job [default: made from its id].
    #[arg(long)]
    name: Option<String>,
    /// Events in a second, at most.
    #[arg(long, value_name = "N", default_value_t = RATE_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: u32,
    /// Have effects also where the original had them: they will be there twice.
    #[arg(long)]
    force_effects: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Stay until the job is over, with a progress bar.
    #[arg(long, conflicts_with = "dry_run")]
    follow: bool,
}

impl JobArgs {
    fn order(&self) -> Order {
        Order { name: self.name.clone(), rate_per_second: self.rate, force_effects: self.force_effects }
    }
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let pool = database(&settings, WAIT).await?;
    let mut connection = pool.acquire().await.map_err(unreadable)?;
    let (connection, output) = (&mut *connection, context.output);
    match verb {
        Verb::Start(args) => start::run(args, connection, output).await,
        Verb::Status(args) => status::run(args, connection, output).await,
        Verb::Pause(NameArgs { name }) => {
            move_to(name, &[JobStatus::Running], JobStatus::Paused, connection, output).await
        }
        Verb::Resume(NameArgs { name }) => {
            move_to(name, &[JobStatus::Paused], JobStatus::Running, connection, output).await
        }
        Verb::Abort(NameArgs { name }) => {
            let from = [JobStatus::Running, JobStatus::Paused];
            move_to(name, &from, JobStatus::Aborted, connection, output).await
        }
        Verb::Edit(args) => edit::run(args, &settings, connection, output).await,
    }
}

async fn move_to(
    name: &str,
    from: &[JobStatus],
    to: JobStatus,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let job = job(name, connection).await?;
    let moved = replays::set_status(connection, job.id, from, to, OffsetDateTime::now_utc()).await;
    if !moved.map_err(unreadable)? && job.status != to {
        return Err(Failure::from(anyhow!("{name} is {} and cannot be {to}", job.status)));
    }
    status::show(name, connection, output).await?;
    Ok(ExitCode::SUCCESS)
}

/// The job of this name.
async fn job(name: &str, connection: &mut PgConnection) -> Result<Job, Failure> {
    let found = replays::find(connection, name).await.map_err(unreadable)?;
    found.ok_or_else(|| {
        Failure::from(anyhow!("there is no job called {name}")).hint("`weir replay status` lists them")
    })
}

/// Somebody must work on a job; it is no fault of the job's that nobody does.
async fn note_without_runner(connection: &mut PgConnection, output: Output) -> Result<(), Failure> {
    if !replays::has_leader(connection).await.map_err(unreadable)? {
        output.note("nothing is published until weir-dead-letters runs");
    }
    Ok(())
}

fn no_plan(error: PlanError) -> Failure {
    match error {
        PlanError::EmptyFilter | PlanError::TooMany | PlanError::UnknownConsumer { .. } => {
            Failure::usage(error)
        }
        PlanError::Unknown(_) => {
            Failure::from(anyhow::Error::from(error)).hint("`weir events list` shows the ids")
        }
        PlanError::Database(error) => unreadable(error),
    }
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::InvalidName | StartError::NameTaken(_) => Failure::usage(error),
        StartError::Nothing => Failure::from(anyhow::Error::from(error)),
        StartError::Database(error) => unreadable(error),
    }
}

fn unreadable(error: sqlx::Error) -> Failure {
    crate::events::unreadable(error)
}
