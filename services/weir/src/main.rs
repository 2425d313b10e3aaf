//! `weir`, the operator's command: prepares the broker and the database, shows and checks configuration, sends and
//! tests deliveries, lists events, and looks for what is wrong.
//!
//! It never starts a service, and never changes anything that its verb does not say.

mod cli;
mod context;
mod failure;
mod output;

mod audit;
mod brightdata;
mod cleanup;
mod consumers;
mod dead_letters;
mod doctor;
mod events;
mod instagram;
mod migrate;
mod person;
mod provision;
mod replay;
mod send;
mod settings;
mod streams;
mod test;
mod zapier;

mod c2s;
mod delivery;
mod meta;
mod since;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{cli::Cli, context::Context, output::Output};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    if let Some(filter) = cli.log.filter(|filter| !filter.is_empty()) {
        // At `trace` the NATS client prints whole messages, and what logs it in.
        let filter = format!("{filter},async_nats::connection=debug");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        subscriber.init();
    }
    let context = Context { output, config: cli.config };
    match Box::pin(cli.verb.run(&context)).await {
        Ok(code) => code,
        Err(failure) => output.failure(&failure),
    }
}
