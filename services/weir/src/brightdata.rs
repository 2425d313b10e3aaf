//! `weir brightdata`: scrape jobs.

mod follow;
mod lost;
mod trigger;

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use brightdata_api::SnapshotId;
use bus::Bus;
use config::Settings;
use scraping::{Channel, Error, Scraping};

use crate::{
    context::{Context, broker, database},
    failure::Failure,
};

const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Start a job; its data and its last word come to the edge. Costs money.
    #[command(after_help = trigger::EXAMPLES)]
    Trigger(trigger::Args),
    /// Show how far a job is, by our book and by Bright Data's; without an id, list the newest jobs.
    #[command(after_help = follow::STATUS_EXAMPLES)]
    Status(follow::StatusArgs),
    /// Download what a job brought and publish it as the edge would have. Safe to repeat.
    #[command(after_help = follow::FETCH_EXAMPLES)]
    Fetch(JobArgs),
    /// Have Bright Data deliver what a job brought to the edge once more.
    #[command(after_help = follow::REDELIVER_EXAMPLES)]
    Redeliver(JobArgs),
    /// Find jobs whose data or whose last word never came.
    #[command(after_help = lost::EXAMPLES)]
    Lost(lost::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct JobArgs {
    /// Bright Data's id of the job.
    snapshot_id: SnapshotId,
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    match verb {
        Verb::Trigger(args) => trigger::run(args, &settings, context.output).await,
        Verb::Status(args) => follow::status(args, &settings, context.output).await,
        Verb::Fetch(args) => Box::pin(follow::fetch(args, &settings, context.output)).await,
        Verb::Redeliver(args) => follow::redeliver(args, &settings, context.output).await,
        Verb::Lost(args) => Box::pin(lost::run(args, &settings, context.output)).await,
    }
}

async fn open(settings: &Settings) -> Result<Scraping, Failure> {
    Scraping::new(settings, database(settings, WAIT).await?).map_err(Failure::usage)
}

async fn channel(settings: &Settings) -> Result<(Bus, Channel), Failure> {
    let bus = broker(settings, WAIT).await?;
    let channel = Channel::new(&bus, &settings.nats);
    Ok((bus, channel))
}

fn failed(error: Error) -> Failure {
    use brightdata_api::Error as Api;
    match &error {
        Error::NoPublicUrl | Error::NoToken | Error::Api(Api::NoKey | Api::Unauthorized(_)) => {
            Failure::usage(error)
        }
        Error::Api(api) if api.is_uncertain() => Failure::away(error).hint(
            "it is not known whether the job started: look at Bright Data's own list before trying again",
        ),
        Error::Api(Api::Limited { .. }) => Failure::away(error)
            .hint("jobs that run have to finish first: `weir brightdata status` lists ours"),
        Error::Api(api) if api.may_pass() => Failure::away(error),
        Error::NothingCame => Failure::away(error),
        Error::Download(_) | Error::Publish(_) | Error::Claim(_) => {
            Failure::away(error).hint("what was published stays; the same command completes it")
        }
        Error::Api(_) | Error::NotNoted { .. } | Error::Database(_) => {
            Failure::from(anyhow::Error::from(error))
        }
    }
}

fn not_ready(snapshot_id: &SnapshotId) -> Failure {
    Failure::away(anyhow!("the data of {snapshot_id} is not ready yet")).hint("try again in a while")
}
