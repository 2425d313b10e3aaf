//! `weir send instagram`.

use std::process::ExitCode;

use super::{Given, load::Load};
use crate::{
    context::Context,
    failure::Failure,
    meta::{Press, Sample, Target, TargetArgs},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir send instagram                               one new message
  weir send instagram --sample comment
  weir send instagram --sample test-button          what the button in Meta's dashboard sends
  weir send instagram --events 1000                 a thousand messages in one delivery
  weir send instagram --file delivery.json --url https://hooks.example.com
  weir send instagram --count 10000 --rate 500      ten thousand deliveries, 500 a second";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A body of this shape; each has ids of its own.
    #[arg(long, value_name = "NAME", default_value = "message", conflicts_with_all = ["file", "stdin"])]
    sample: Sample,
    /// How many events of the sample one delivery holds; Meta sends up to 1000.
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with_all = ["file", "stdin"],
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    events: u32,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    load: Load,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(&args.target, &context.settings()?)?;
    let given = args.given.read()?;
    let body = || match &given {
        Some(body) => body.clone(),
        None => args.sample.body(&Press::new(), args.events).into_bytes(),
    };
    let post = || target.post(body());
    args.load.run(&target.endpoint(), context.output, post).await
}
