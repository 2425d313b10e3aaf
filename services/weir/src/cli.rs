//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    audit, brightdata, c2s, cleanup, consumers, context::Context, dead_letters, doctor, events,
    failure::Failure, instagram, migrate, person, provision, replay, send, settings, streams, test, zapier,
};

/// Heading of the options that every verb has.
const GLOBAL: &str = "Options of every verb";

const AFTER_HELP: &str = "\
Exit codes:
  0  done, nothing is wrong
  1  done, and something is wrong (a test failed, doctor found an error, an event does not exist)
  2  the command line or the configuration is wrong
  3  something needed is away (broker, database, edge)
  4  doctor found warnings only

Examples:
  weir migrate && weir provision          prepare the database and the broker
  weir config check                       is the configuration valid, and for which services?
  weir send c2s --sample batch            send three leads to the edge
  weir test c2s --url https://hooks.example.com
  weir events list --status dead_letter --since 1d
  weir doctor                             what is wrong, and what to do about it";

/// Operates Weir: prepares, checks, sends, tests, lists.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    /// Print one JSON document on standard output, for machines.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Configuration file [default: `WEIR_CONFIG`, else `./weir.toml` when there is one].
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Log to standard error what happens inside, with a filter such as `debug` or `bus=debug`.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILTER", env = "WEIR_LOG", hide_env_values = true)]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Migrate(migrate::Args),
    Provision(provision::Args),
    /// Check and show the configuration.
    #[command(subcommand)]
    Config(settings::Verb),
    /// Send a provider's deliveries to the edge.
    #[command(subcommand)]
    Send(send::Verb),
    /// Test a running edge from outside, as its provider would meet it.
    #[command(subcommand)]
    Test(test::Verb),
    /// Look at the ledger of events.
    #[command(subcommand)]
    Events(events::Verb),
    /// Subscribe Instagram accounts to webhooks, and watch over them.
    #[command(subcommand)]
    Instagram(instagram::Verb),
    /// Start Bright Data's jobs, follow them, and fetch what never came.
    #[command(subcommand)]
    Brightdata(brightdata::Verb),
    Audit(audit::Args),
    /// See what was given up, publish it again, or discard it.
    #[command(subcommand)]
    DeadLetters(dead_letters::Verb),
    /// Publish events again, as jobs in the background.
    #[command(subcommand)]
    Replay(replay::Verb),
    /// See how consumers keep up, pause them, resume them.
    #[command(subcommand)]
    Consumers(consumers::Verb),
    /// Send usage reports on to hooks (Zapier's, or any webhook), and see how they fare.
    #[command(subcommand)]
    Zapier(zapier::Verb),
    Streams(streams::Args),
    Cleanup(cleanup::Args),
    /// Take in Contact2Sale leads that never came, and see how leads were enriched.
    #[command(subcommand)]
    C2s(c2s::Verb),
    /// Remove a person.
    #[command(subcommand)]
    Person(person::Verb),
    Doctor(doctor::Args),
}

impl Verb {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Migrate(args) => migrate::run(&args, context).await,
            Self::Provision(args) => provision::run(&args, context).await,
            Self::Config(verb) => settings::run(&verb, context),
            Self::Send(send::Verb::C2s(args)) => send::c2s::run(&args, context).await,
            Self::Send(send::Verb::Instagram(args)) => send::instagram::run(&args, context).await,
            Self::Send(send::Verb::Brightdata(args)) => send::brightdata::run(&args, context).await,
            Self::Send(send::Verb::Usage(args)) => send::usage::run(&args, context).await,
            Self::Test(test::Verb::Usage(args)) => test::usage::run(&args, context).await,
            Self::Test(test::Verb::C2s(args)) => test::c2s::run(&args, context).await,
            Self::Test(test::Verb::Instagram(args)) => test::instagram::run(&args, context).await,
            Self::Events(verb) => events::run(&verb, context).await,
            Self::Instagram(verb) => instagram::run(&verb, context).await,
            Self::Brightdata(verb) => Box::pin(brightdata::run(&verb, context)).await,
            Self::Audit(args) => Box::pin(audit::run(&args, context)).await,
            Self::DeadLetters(verb) => Box::pin(dead_letters::run(&verb, context)).await,
            Self::Replay(verb) => Box::pin(replay::run(&verb, context)).await,
            Self::Consumers(verb) => consumers::run(&verb, context).await,
            Self::Zapier(verb) => Box::pin(zapier::run(&verb, context)).await,
            Self::Streams(args) => streams::run(&args, context).await,
            Self::Cleanup(args) => cleanup::run(&args, context).await,
            Self::C2s(verb) => Box::pin(c2s::run(&verb, context)).await,
            Self::Person(verb) => Box::pin(person::run(&verb, context)).await,
            Self::Doctor(args) => Box::pin(doctor::run(&args, context)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent_and_every_verb_has_an_example() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        let mut open: Vec<_> =
            command.get_subcommands().filter(|verb| verb.get_name() != "help").cloned().collect();
        while let Some(verb) = open.pop() {
            let mut children = verb.get_subcommands().filter(|verb| verb.get_name() != "help").peekable();
            if children.peek().is_none() {
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n  weir "), "{} has no example", verb.get_name());
            }
            open.extend(children.cloned());
        }
    }
}
