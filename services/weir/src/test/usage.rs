//! `weir test usage`: what a reporting application relies on.

use std::process::ExitCode;

use config::Secret;
use uuid::Uuid;

use super::{Expected, Report};
use crate::{
    context::Context,
    delivery::Counts,
    failure::Failure,
    usage::{Auth, Sample, Target, TargetArgs},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir test usage
  weir test usage --url https://hooks.example.com --secret \"$USAGE_SECRET\"

The tests send reports that are marked as tests: they are kept, count in no session, and go to no hook.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
}

const fn status(status: u16) -> Expected<'static> {
    Expected { status, counts: None, body: None }
}

const fn counts(received: u64, processed: u64, duplicates: u64) -> Expected<'static> {
    let counts = Counts { received, processed, duplicates, rejected: 0 };
    Expected { status: 200, counts: Some(counts), body: None }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(&args.target, &context.settings()?)?;
    let mut report = Report::begin(target.endpoint(), context.output)?;
    authentication(&target, &mut report).await?;
    events(&target, &mut report).await?;
    report.end()
}

async fn authentication(target: &Target, report: &mut Report) -> anyhow::Result<()> {
    const PHASE: &str = "Phase 1: Authentication";
    let body = || Sample::Test.body(1);
    let reply = target.post(body(), Auth::Bearer).await;
    report.add(PHASE, "Valid token accepted (HTTP 200)", &reply, status(200))?;
    let reply = target.post(body(), Auth::Signature).await;
    report.add(PHASE, "Valid signature accepted (HTTP 200)", &reply, status(200))?;
    let wrong = Secret::from("weir-test-wrong-secret");
    let reply = target.post_as(body(), Some((Auth::Bearer, &wrong)), None).await;
    report.add(PHASE, "Wrong token rejected (HTTP 401)", &reply, status(401))?;
    let reply = target.post_as(body(), Some((Auth::Signature, &wrong)), None).await;
    report.add(PHASE, "Wrong signature rejected (HTTP 401)", &reply, status(401))?;
    let reply = target.post_as(body(), None, None).await;
    report.add(PHASE, "Missing credentials rejected (HTTP 401)", &reply, status(401))
}

async fn events(target: &Target, report: &mut Report) -> anyhow::Result<()> {
    const PHASE: &str = "Phase 2: Events and idempotency";
    let one = Sample::Test.body(1);
    let reply = target.post(one.clone(), Auth::Bearer).await;
    report.add(PHASE, "Valid single event", &reply, counts(1, 1, 0))?;
    let reply = target.post(one, Auth::Bearer).await;
    report.add(PHASE, "Duplicate event (idempotency)", &reply, counts(1, 0, 1))?;
    let reply = target.post(Sample::Test.body(3), Auth::Bearer).await;
    report.add(PHASE, "Batch of 3 events", &reply, counts(3, 3, 0))?;
    let key = Uuid::now_v7().to_string();
    let named = || target.post_named(Sample::Test.body(1), &key);
    let reply = named().await;
    report.add(PHASE, "Idempotency key, new", &reply, counts(1, 1, 0))?;
    let reply = named().await;
    report.add(PHASE, "Idempotency key, again with another body", &reply, counts(1, 0, 1))?;
    let reply = target.post("{}".to_owned(), Auth::Bearer).await;
    report.add(PHASE, "Event without a session rejected (HTTP 400)", &reply, status(400))?;
    let reply = target.post("nonsense".to_owned(), Auth::Bearer).await;
    report.add(PHASE, "Malformed body rejected (HTTP 400)", &reply, status(400))
}
