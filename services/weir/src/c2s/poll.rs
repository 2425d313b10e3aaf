//! `weir c2s poll`: takes in leads that no webhook brought.

use std::process::ExitCode;

use bus::{Publisher, Topology};
use c2s_api::C2sApi;
use catch_up::{CatchUp, Report};
use config::Settings;
use contract::stream::c2s::STREAM;
use time::OffsetDateTime;

use super::WAIT;
use crate::{
    context::{Context, broker, database},
    failure::Failure,
    output::minutes,
    since::Since,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir c2s poll --since 2h --dry-run                 which versions of leads never came?
  weir c2s poll --since 2026-01-20T10:00:00Z         take them in
  weir c2s poll --since 7d --json | jq .leads";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leads that changed since then: `90m`, `2d`, `2026-01-20`, `2026-01-20T10:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Since,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Pages of 50 leads that are read, at most [default: `c2s.poll.pages_max`]. Each waits for the shared limit.
    #[arg(long, value_name = "N")]
    pages_max: Option<u32>,
}

pub(super) async fn run(args: &Args, settings: &Settings, context: &Context) -> Result<ExitCode, Failure> {
    let mut c2s = settings.c2s.clone();
    c2s.poll.pages_max = args.pages_max.unwrap_or(c2s.poll.pages_max);
    let api = C2sApi::new(&c2s.api, &settings.outbound).map_err(Failure::usage)?;
    let pool = database(settings, WAIT).await?;
    let bus = broker(settings, WAIT).await?;
    let verified = Topology::embedded().verify(&bus, STREAM).await;
    verified.map_err(|mismatch| Failure::from(anyhow::Error::from(mismatch)))?;
    let since = args.since.before(OffsetDateTime::now_utc());
    let catch_up = CatchUp::new(api, Publisher::new(&bus, &settings.nats), pool, &c2s);
    let report = catch_up.run(since, args.dry_run).await.map_err(failed)?;
    tell(&report, since, args.dry_run, context)?;
    Ok(if report.is_complete { ExitCode::SUCCESS } else { ExitCode::from(crate::failure::WARNINGS) })
}

fn tell(report: &Report, since: OffsetDateTime, dry_run: bool, context: &Context) -> anyhow::Result<()> {
    let output = context.output;
    let Report { seen, known, missing, published, waiting, unreadable, pages, is_complete, leads } = report;
    output.line(format!("{seen} versions of leads since {} on {pages} pages", minutes(since)))?;
    output.line(format!("{known} are known, {missing} never came"))?;
    if dry_run && *missing > 0 {
        output.line("without --dry-run they would be published")?;
    } else if *missing > 0 {
        output.line(format!("{published} published, {waiting} were on the stream already"))?;
    }
    for lead in leads {
        output.line(format!("  {lead}"))?;
    }
    if *unreadable > 0 {
        output.note(&format!("{unreadable} elements have no id or no instant, and were left out"));
    }
    if !is_complete {
        output.note("there are more pages: raise --pages-max, or give a later --since");
    }
    output.document(report)
}

fn failed(error: catch_up::Error) -> Failure {
    match &error {
        catch_up::Error::Api(api) if api.is_token() => {
            Failure::usage(error).hint("set WEIR_C2S__API__TOKEN (or C2S_TOKEN)")
        }
        catch_up::Error::Api(api) if !api.may_pass() => Failure::from(anyhow::Error::from(error)),
        _ => Failure::away(error).hint("run it again: what was published is not published twice"),
    }
}
