//! `weir send c2s`.

use std::process::ExitCode;

use anyhow::Context as _;
use time::OffsetDateTime;

use super::{Given, load::Load};
use crate::{
    c2s::{Place, Sample, Subject, Target, TargetArgs},
    context::Context,
    failure::Failure,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir send c2s                                     one new lead
  weir send c2s --sample batch --secret-in query
  weir send c2s --file lead.json --url https://hooks.example.com
  cat lead.json | weir send c2s -
  weir send c2s --count 10000 --rate 500            ten thousand leads, 500 a second";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A body of this shape; each has a lead of its own.
    #[arg(long, value_name = "NAME", default_value = "form-a", conflicts_with_all = ["file", "stdin"])]
    sample: Sample,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    target: TargetArgs,
    /// Where the secret travels.
    #[arg(long, value_name = "PLACE", default_value = "header")]
    secret_in: Place,
    #[command(flatten)]
    load: Load,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(&args.target, &context.settings()?)?;
    let given = args.given.read()?.map(String::from_utf8).transpose();
    let given = given.context("the body is not UTF-8").map_err(Failure::usage)?;
    let body = || match &given {
        Some(body) => body.clone(),
        None => args.sample.body(&Subject::new("weir-sample", OffsetDateTime::now_utc())),
    };
    let post = || target.post(body(), args.secret_in);
    args.load.run(&target.endpoint(), context.output, post).await
}
