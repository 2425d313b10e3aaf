//! `weir send usage`.

use std::process::ExitCode;

use anyhow::Context as _;

use super::{Given, load::Load};
use crate::{
    context::Context,
    failure::Failure,
    usage::{Auth, Sample, Target, TargetArgs},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir send usage                                   one report of a new session
  weir send usage --sample nested --auth signature
  weir send usage --events 1000                     a thousand reports in one delivery
  weir send usage --file report.json --url https://hooks.example.com
  weir send usage --count 10000 --rate 500          ten thousand deliveries, 500 a second";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Reports of this shape.
    #[arg(long, value_name = "NAME", default_value = "flat", conflicts_with_all = ["file", "stdin"])]
    sample: Sample,
    /// How many reports one delivery holds.
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with_all = ["file", "stdin"],
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    events: u32,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    target: TargetArgs,
    /// How the delivery is authenticated.
    #[arg(long, value_name = "WAY", default_value = "bearer")]
    auth: Auth,
    #[command(flatten)]
    load: Load,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(&args.target, &context.settings()?)?;
    let given = args.given.read()?.map(String::from_utf8).transpose();
    let given = given.context("the body is not UTF-8").map_err(Failure::usage)?;
    let body = || given.clone().unwrap_or_else(|| args.sample.body(args.events));
    let post = || target.post(body(), args.auth);
    args.load.run(&target.endpoint(), context.output, post).await
}
