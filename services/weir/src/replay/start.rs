//! `weir replay start`.

use std::process::ExitCode;

use replay::{Plan, Planned, Selection};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{JobArgs, filter::FilterArgs, follow, no_plan, not_started, note_without_runner, status};
use crate::{
    failure::Failure,
    output::{Output, minutes},
};

/// Events of a plan that are shown.
const SAMPLE: usize = 10;

pub(super) const EXAMPLES: &str = "\
Examples:
  weir replay start --status dead_letter --provider c2s --since 2d --dry-run
  weir replay start --status dead_letter --reason timeout --name november-outage --follow
  weir replay start 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --consumer c2s-leads
  weir replay start --group 5f2b1c0d9e8a7b6c --rate 20

Of an event and its replays one has effects: what is completed is recorded and changes nothing,
unless --force-effects says so. `weir events list` takes the same filter.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// These events.
    #[arg(value_name = "EVENT_ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Let this consumer alone see them [default: all consumers of their stream].
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    #[command(flatten)]
    job: JobArgs,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let selection = Selection::Events(args.filter.filter(&args.ids, OffsetDateTime::now_utc()));
    begin(&selection, args.consumer.as_deref(), &args.job, connection, output).await
}

/// Plans, and unless it is only asked for that, starts.
pub(super) async fn begin(
    selection: &Selection<'_>,
    consumer: Option<&str>,
    args: &JobArgs,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let plan = replay::plan(connection, selection, consumer).await.map_err(no_plan)?;
    if args.dry_run {
        show(&plan, args, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = OffsetDateTime::now_utc();
    let started =
        replay::start(connection, &plan, &selection.document(), consumer, &args.order(), None, now).await;
    let job = match started {
        Ok(job) => job,
        Err(error) => {
            refused(&plan, output)?;
            return Err(not_started(error));
        }
    };
    output.line(format!("{} publishes {} events, {} a second", job.name, plan.publishable(), args.rate))?;
    refused(&plan, output)?;
    note_without_runner(connection, output).await?;
    if args.follow {
        return follow::run(&job, connection, output).await;
    }
    output.line(format!("\nweir replay status {} shows how far it is", job.name))?;
    output.document(&status::document(&job.name, connection).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// What would be done.
fn show(plan: &Plan, args: &JobArgs, output: Output) -> anyhow::Result<()> {
    let count = plan.publishable();
    let seconds = count.div_ceil(usize::try_from(args.rate).unwrap_or(1).max(1));
    output.line(format!("{count} events would be published again, in {seconds} s at least"))?;
    let sample: Vec<_> = plan.items.iter().filter(|item| item.refusal.is_none()).take(SAMPLE).collect();
    if !sample.is_empty() {
        output.line("")?;
        let header = ["RECEIVED", "STATUS", "TYPE", "SUBJECT", "REASON", "CONSUMER", "ID"];
        output.table(header, sample.iter().map(|item| row(item)))?;
        if count > sample.len() {
            output.line(format!("and {} more", count - sample.len()))?;
        }
    }
    refused(plan, output)?;
    let refusals = plan.refusals();
    let refusals: Vec<_> = refusals
        .iter()
        .map(|(code, (count, error))| json!({ "reason_code": code, "count": count, "error": error }))
        .collect();
    output.document(&json!({
        "dry_run": true,
        "count": count,
        "refused": refusals,
        "sample": sample.iter().map(|item| document(item)).collect::<Vec<_>>(),
    }))
}

/// What cannot be published, and why.
fn refused(plan: &Plan, output: Output) -> anyhow::Result<()> {
    let refusals = plan.refusals();
    if refusals.is_empty() {
        return Ok(());
    }
    output.line("\nrefused:")?;
    let rows = refusals
        .iter()
        .map(|(code, (count, error))| [count.to_string(), (*code).to_owned(), (*error).to_owned()]);
    output.table(["EVENTS", "REASON", "WHY"], rows)
}

fn row(item: &Planned) -> [String; 7] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let candidate = &item.candidate;
    [
        minutes(candidate.received_at),
        candidate.status.clone(),
        candidate.event_type.clone(),
        or_dash(&candidate.subject),
        or_dash(&candidate.reason_code),
        item.consumer.clone().unwrap_or_else(|| "all".to_owned()),
        candidate.event_id.to_string(),
    ]
}

fn document(item: &Planned) -> Value {
    let candidate = &item.candidate;
    json!({
        "id": candidate.event_id,
        "event_type": candidate.event_type,
        "subject": candidate.subject,
        "status": candidate.status,
        "reason_code": candidate.reason_code,
        "consumer": item.consumer,
        "stream": candidate.stream,
        "received_at": candidate.received_at.format(&Rfc3339).ok(),
    })
}
