//! `weir audit`: is everything that was accepted accounted for?

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::anyhow;
use audit::{AuditError, Auditor, Report, Secondary, SetBack};
use serde_json::json;
use store::lost_positions;
use time::OffsetDateTime;
use tokio::time::sleep;

use crate::{
    context::{Context, broker, database},
    failure::{Failure, WRONG},
    output::Output,
};

const WAIT: Duration = Duration::from_secs(5);
/// A difference is looked at so many times, in case it is on its way: an advisory that is about to be recorded.
const LOOKS: usize = 6;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How often an audit of another process is waited for.
const TURNS: usize = 60;

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir audit                                     accepted = pending + completed + dead + ..., per provider
  weir audit --provider c2s --json
  weir audit --heal                              record and publish again what vanished, at once
  weir audit --acknowledge \"purged on purpose\"   known losses no longer alarm

Exit code 1: something that was accepted is unaccounted for. 3: broker or database did not answer, or the broker
contradicts itself, and nothing can be said yet. The service weir-dead-letters audits by itself.";

/// Check that every accepted event is pending, completed or dead.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// This provider alone.
    #[arg(long)]
    provider: Option<String>,
    /// Heal what can be healed, however young it is.
    #[arg(long)]
    heal: bool,
    /// Acknowledge what the streams have lost, with a reason.
    #[arg(long, value_name = "REASON")]
    acknowledge: Option<String>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let mut settings = context.settings()?;
    if args.heal {
        settings.dead_letters.audit.grace_ms = 0;
    }
    let providers: Vec<_> = Auditor::providers()
        .filter(|provider| args.provider.as_deref().is_none_or(|wanted| wanted == *provider))
        .collect();
    if providers.is_empty() {
        let known: Vec<_> = Auditor::providers().collect();
        return Err(Failure::usage(anyhow!("no such provider: expected one of {}", known.join(", "))));
    }
    let pool = database(&settings, WAIT).await?;
    let bus = broker(&settings, WAIT).await?;
    let auditor = Auditor::new(&bus, &pool, &settings.nats, &settings.dead_letters.audit);
    let mut healed = BTreeMap::new();
    if args.heal {
        for provider in &providers {
            healed.insert(*provider, heal(&auditor, provider).await?);
        }
    }
    // After healing, which puts losses on record.
    if let Some(reason) = &args.acknowledge {
        let mut connection = pool.acquire().await.map_err(AuditError::from).map_err(unanswered)?;
        let now = OffsetDateTime::now_utc();
        let acknowledged =
            lost_positions::acknowledge(&mut connection, args.provider.as_deref(), reason, now).await;
        let acknowledged = acknowledged.map_err(AuditError::from).map_err(unanswered)?;
        context.output.note(&format!("{acknowledged} lost positions acknowledged"));
    }
    let mut reports = Vec::new();
    for provider in providers {
        let healed = healed.remove(provider).unwrap_or_default();
        reports.extend(look(&auditor, provider).await?.map(|report| Report { healed, ..report }));
    }
    tell(&reports, context.output)?;
    let balances = reports.iter().all(Report::balances);
    context.output.document(&json!({ "balances": balances, "providers": reports }))?;
    Ok(if balances { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

/// Looks again while there is a difference, or the broker contradicts itself.
async fn look(auditor: &Auditor, provider: &str) -> Result<Option<Report>, Failure> {
    let mut last = Ok(None);
    for number in 0..LOOKS {
        if number > 0 {
            sleep(BETWEEN_LOOKS).await;
        }
        last = auditor.look(provider, OffsetDateTime::now_utc()).await;
        match &last {
            Ok(Some(report)) if !report.balances() => {}
            Err(AuditError::Unsure { .. }) => {}
            _ => break,
        }
    }
    last.map_err(unanswered)
}

/// Heals until all positions are reached. A provider without a stream has nothing to heal.
async fn heal(auditor: &Auditor, provider: &str) -> Result<audit::Healed, Failure> {
    let mut healed = audit::Healed::default();
    for _ in 0..TURNS {
        match auditor.pass(provider, OffsetDateTime::now_utc()).await {
            Ok(Some(report)) => {
                healed += report.healed;
                if report.not_reached == 0 {
                    break;
                }
            }
            Ok(None) if look(auditor, provider).await?.is_none() => break,
            // Another process is at it.
            Ok(None) | Err(AuditError::Unsure { .. }) => sleep(BETWEEN_LOOKS).await,
            Err(error) => return Err(unanswered(error)),
        }
    }
    Ok(healed)
}

fn tell(reports: &[Report], output: Output) -> Result<(), Failure> {
    output.table(
        [
            "PROVIDER",
            "ACCEPTED",
            "= PENDING",
            "+ COMPLETED",
            "+ DEAD",
            "+ DUPLICATES",
            "+ DIRECTED",
            "+ ACKNOWLEDGED",
            "+ UNACCOUNTED",
        ],
        reports.iter().map(|report| {
            let Report { provider, accepted, pending, completed, dead, duplicates, .. } = report;
            let numbers = [*accepted, *pending, *completed, *dead, *duplicates];
            let [accepted, pending, completed, dead, duplicates] = numbers.map(|number| number.to_string());
            let others = [report.directed, report.acknowledged, report.unaccounted];
            let [directed, acknowledged, unaccounted] = others.map(|number| number.to_string());
            let provider = provider.clone();
            [provider, accepted, pending, completed, dead, duplicates, directed, acknowledged, unaccounted]
        }),
    )?;
    for report in reports {
        details(report, output)?;
    }
    let unaccounted: i64 = reports.iter().map(|report| report.unaccounted).sum();
    if reports.iter().all(Report::balances) {
        output.line("\nbalanced: everything that was accepted is accounted for")?;
    } else {
        output.line(format!(
            "\nNOT balanced: {unaccounted} unaccounted for; `weir audit --heal` heals what can be healed"
        ))?;
    }
    Ok(())
}

fn details(report: &Report, output: Output) -> Result<(), Failure> {
    let Report { provider, stream, healed, .. } = report;
    for suspect in &report.suspects {
        let event = suspect.event_id.as_deref().unwrap_or("event unknown");
        output.line(format!(
            "{provider}: {stream} {} is {} ({event})",
            suspect.sequence,
            suspect.why.as_str()
        ))?;
    }
    for loss in &report.losses {
        let (first, last) = (loss.first_sequence, loss.last_sequence);
        output.line(format!("{provider}: {stream} {first} to {last} was lost, found {}", loss.found_at))?;
    }
    if let Some(SetBack { reached, ends_at }) = report.set_back {
        output.line(format!(
            "{provider}: {stream} ends at {ends_at} although it had reached {reached}: it was set back, by a restored \
             backup or a crash.\n  What waited in between is gone, and its positions will be given out a second time. \
             Stop the edge, let the consumers\n  finish, then: nats stream purge {stream} --seq {}\n  After that \
             --heal --acknowledge puts the loss on record, and the provider can send again.",
            reached + 1
        ))?;
    }
    for secondary in report.secondaries.iter().filter(|secondary| secondary.unseen > 0) {
        let Secondary { consumer, unseen, .. } = secondary;
        output.line(format!(
            "{provider}: {consumer} settled {unseen} events without a word; --heal records them"
        ))?;
    }
    for secondary in report.secondaries.iter().filter(|secondary| secondary.stuck > 0) {
        output
            .line(format!("{provider}: {} of {} will not come again", secondary.stuck, secondary.consumer))?;
    }
    for id in report.claims.iter().flat_map(|claims| &claims.missing) {
        output.line(format!("{provider}: the body of event {id} is gone from the object store"))?;
    }
    if report.not_reached > 0 {
        output.line(format!(
            "{provider}: {} positions were not looked at; --heal goes on",
            report.not_reached
        ))?;
    }
    if *healed != audit::Healed::default() {
        output.line(format!(
            "{provider}: healed: {} dead letters recorded, {} events published again, {} objects deleted",
            healed.dead, healed.again, healed.claims
        ))?;
    }
    Ok(())
}

fn unanswered(error: AuditError) -> Failure {
    const UNDEFINED_TABLE: &str = "42P01";
    let undefined = match &error {
        AuditError::Database(error) => store::sqlstate(error).is_some_and(|code| code == UNDEFINED_TABLE),
        AuditError::Broker { .. } | AuditError::Unsure { .. } => false,
    };
    let failure = Failure::away(error);
    if undefined { failure.hint("run `weir migrate`") } else { failure }
}
