//! `weir c2s`: leads that never came, and what was done to enrich those that did.

use std::process::ExitCode;

use super::{enrichments, poll};
use crate::{context::Context, failure::Failure};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Ask Contact2Sale which leads changed, and take in those whose webhook never came.
    #[command(after_help = poll::EXAMPLES)]
    Poll(poll::Args),
    /// See what was done to enrich leads.
    #[command(subcommand)]
    Enrichments(enrichments::Verb),
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    match verb {
        Verb::Poll(args) => poll::run(args, &settings, context).await,
        Verb::Enrichments(verb) => enrichments::run(verb, &settings, context).await,
    }
}
