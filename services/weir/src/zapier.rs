//! `weir zapier`: the hooks that events are sent on to, how they fare, and the sessions behind the events.

mod attempts;
mod health;
mod hooks;
mod sessions;
mod status;
mod test;

use std::{process::ExitCode, time::Duration};

use ::hooks::{Catalogue, Error};
use anyhow::Context as _;
use config::Settings;
use contract::stream::usage::DISPATCHER_CONSUMER;
use seal::Keyring;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::{
    cleanup,
    context::{Context, database},
    failure::Failure,
};

const CLEANUP_EXAMPLES: &str = "\
Examples:
  weir zapier cleanup                   what is older than 30 days
  weir zapier cleanup --days 90";

const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List, make and change hooks.
    #[command(subcommand)]
    Hooks(hooks::Verb),
    /// Find out whether hooks could be sent to. Nothing is sent unless `--send` says so: on a live Zap it costs a run.
    #[command(after_help = test::EXAMPLES)]
    Test(test::Args),
    /// Show what waits for each hook, and what its limit leaves.
    #[command(after_help = status::EXAMPLES)]
    Status,
    /// Show what was sent, and how it went.
    #[command(after_help = health::METRICS_EXAMPLES)]
    Metrics,
    /// Show what is wrong; exit code 1 if a person must act.
    #[command(after_help = health::HEALTH_EXAMPLES)]
    Health,
    /// List attempts, newest first.
    #[command(after_help = attempts::EXAMPLES)]
    Attempts(attempts::Args),
    /// List sessions, or show one.
    #[command(after_help = sessions::EXAMPLES)]
    Sessions(sessions::Args),
    /// Remove old reports, sessions and deliveries: `weir cleanup --provider usage`, by its older name.
    #[command(after_help = CLEANUP_EXAMPLES)]
    Cleanup {
        /// Days that are kept. What waits for a hook is kept in any case.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
    },
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let pool = database(&settings, WAIT).await?;
    let output = context.output;
    match verb {
        Verb::Hooks(verb) => hooks::run(verb, &settings, pool, output).await,
        Verb::Test(args) => test::run(args, &settings, pool, output).await,
        Verb::Status => status::run(&pool, output).await,
        Verb::Metrics => health::metrics(&pool, output).await,
        Verb::Health => health::health(&pool, output).await,
        Verb::Attempts(args) => attempts::run(args, &pool, output).await,
        Verb::Sessions(args) => sessions::run(args, &pool, output).await,
        Verb::Cleanup { days } => cleanup::run(&cleanup::Args::of_usage(*days), context).await,
    }
}

/// How every hook fares now.
async fn read(pool: &PgPool) -> Result<::hooks::health::Health, Failure> {
    let reading = async {
        let mut connection = pool.acquire().await?;
        ::hooks::health::Health::read(&mut connection, DISPATCHER_CONSUMER, OffsetDateTime::now_utc()).await
    };
    Ok(reading.await.context("cannot read how hooks fare")?)
}

fn catalogue(settings: &Settings, pool: PgPool) -> Result<Catalogue, Failure> {
    let keys = if settings.seal.keys.is_empty() {
        None
    } else {
        Some(Keyring::new(&settings.seal).map_err(Failure::usage)?)
    };
    Ok(Catalogue::new(pool, keys, &settings.zapier.delivery))
}

fn failed(error: Error) -> Failure {
    match error {
        Error::Taken(_) | Error::Name | Error::Invalid(_) | Error::TooMany(_) | Error::Limits(_) => {
            Failure::usage(error)
        }
        Error::NoKeys => Failure::usage(error).hint("set WEIR_SEAL__KEYS=<id>:<key>"),
        Error::Unknown(_) => {
            Failure::from(anyhow::Error::from(error)).hint("`weir zapier hooks list` shows the hooks")
        }
        Error::Seal(_) | Error::Database(_) => Failure::from(anyhow::Error::from(error)),
    }
}

/// A share as people read it.
fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
