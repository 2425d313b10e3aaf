//! `weir test instagram`: the three checks of the older system's script, and what Meta relies on beside them.

use std::process::ExitCode;

use config::Secret;

use super::{Expected, Report};
use crate::{
    context::Context,
    delivery::Counts,
    failure::Failure,
    meta::{Press, Sample, Target, TargetArgs, sign},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir test instagram
  weir test instagram --url https://hooks.example.com --secret \"$APP_SECRET\"

The tests store messages of account 0, as the Test button of Meta's dashboard does. They are
marked as tests, and may be run against production.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Verify token of the handshake [default: the first of `edge.providers.instagram.verify_tokens`]. Without one, only
    /// a wrong token is tried.
    #[arg(long, value_name = "TOKEN")]
    verify_token: Option<String>,
}

/// A name and a status, and nothing of the body.
const fn status(status: u16) -> Expected<'static> {
    Expected { status, counts: None, body: None }
}

const fn counts(received: u64, processed: u64, duplicates: u64) -> Expected<'static> {
    let counts = Counts { received, processed, duplicates, rejected: 0 };
    Expected { status: 200, counts: Some(counts), body: None }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let target = Target::new(&args.target, &settings)?;
    let own = settings.edge.providers.get("instagram").and_then(|instagram| instagram.verify_tokens.first());
    let token = args.verify_token.as_deref().map(Secret::from).or_else(|| own.cloned());
    let mut report = Report::begin(target.endpoint(), context.output)?;
    signatures(&target, &mut report).await?;
    handshake(&target, token, &mut report).await?;
    events(&target, &mut report).await?;
    report.end()
}

async fn signatures(target: &Target, report: &mut Report) -> anyhow::Result<()> {
    const PHASE: &str = "Phase 1: Signature";
    let body = || Sample::TestButton.body(&Press::new(), 1).into_bytes();
    let reply = target.post(body()).await;
    report.add(PHASE, "Valid signature accepted (HTTP 200)", &reply, status(200))?;
    let wrong = sign(&Secret::from("weir-test-wrong-secret"), &body());
    let reply = target.post_with(body(), Some(&wrong)).await;
    report.add(PHASE, "Invalid signature rejected (HTTP 401)", &reply, status(401))?;
    let reply = target.post_with(body(), None).await;
    report.add(PHASE, "Missing signature rejected (HTTP 401)", &reply, status(401))?;
    let reply = target.post_with(body(), Some("sha256=00")).await;
    report.add(PHASE, "Malformed signature rejected (HTTP 401)", &reply, status(401))
}

async fn handshake(target: &Target, token: Option<Secret>, report: &mut Report) -> anyhow::Result<()> {
    const PHASE: &str = "Phase 2: Handshake";
    const CHALLENGE: &str = "1158201444";
    if let Some(token) = token {
        let reply = target.handshake(token.expose(), CHALLENGE).await;
        let expected = Expected { body: Some(CHALLENGE), ..status(200) };
        report.add(PHASE, "Verify token accepted, challenge answered", &reply, expected)?;
    }
    let reply = target.handshake("weir-test-wrong-token", CHALLENGE).await;
    report.add(PHASE, "Wrong verify token rejected (HTTP 403)", &reply, status(403))
}

async fn events(target: &Target, report: &mut Report) -> anyhow::Result<()> {
    const PHASE: &str = "Phase 3: Events and idempotency";
    // Ids of the button never change, only its second does: another body for another second.
    let marked = |mark: &Press, events| {
        let body = Sample::TestButton.body(mark, events);
        body.replace("random_mid", &format!("weir-test-{}", mark.id())).into_bytes()
    };
    let (one, three) = (Press::new(), Press::new());
    let reply = target.post(marked(&one, 1)).await;
    report.add(PHASE, "Valid single event", &reply, counts(1, 1, 0))?;
    let reply = target.post(marked(&one, 1)).await;
    report.add(PHASE, "Duplicate event (idempotency)", &reply, counts(1, 0, 1))?;
    let reply = target.post(marked(&three, 3)).await;
    report.add(PHASE, "Batch of 3 events", &reply, counts(3, 3, 0))
}
