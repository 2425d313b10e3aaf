//! `weir replay edit`.

use std::{io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow};
use bus::claim::Claims;
use bytes::Bytes;
use config::Settings;
use replay::{Change, EditError, LoadError, Order, Original, edit};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::webhook_events;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{WAIT, follow, no_plan, not_started, note_without_runner, status, unreadable};
use crate::{
    context::broker,
    failure::Failure,
    output::{Output, printable},
};

/// Largest body that is read, bytes.
const BODY_MAX_BYTES: usize = 67_108_864;

pub(super) const EXAMPLES: &str = "\
Examples:
  weir replay edit 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --set /attributes/updated_at=2026-01-20T10:00:00Z
  weir replay edit 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --body fixed.json --dry-run
  weir events show 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --raw | sed s/x/y/ | \\
    weir replay edit 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --body -

The new body must be one that the provider could have sent. The original stays; the difference is kept.
A value of --set is JSON, or else a text. Records in lines: /0/url is the url of the first.";

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("change").required(true).args(["body", "set"]))]
pub(crate) struct Args {
    /// The event (ce-id).
    id: Uuid,
    /// The whole new body, from a file; - is standard input.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Set the value at a JSON pointer; may be given several times.
    #[arg(long, value_name = "/POINTER=VALUE", value_parser = assignment)]
    set: Vec<(String, Value)>,
    /// Let this consumer alone see it [default: all consumers of its stream].
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// What to call the job [default: made from its id].
    #[arg(long)]
    name: Option<String>,
    /// Have effects also if the original had them.
    #[arg(long)]
    force_effects: bool,
    /// Only show the difference, and whether the new body is valid.
    #[arg(long)]
    dry_run: bool,
    /// Stay until it is published.
    #[arg(long, conflicts_with = "dry_run")]
    follow: bool,
}

/// `/pointer=value`.
fn assignment(text: &str) -> Result<(String, Value), &'static str> {
    let (pointer, value) = text.split_once('=').ok_or("expected /pointer=value")?;
    if !pointer.starts_with('/') {
        return Err("a JSON pointer begins with /");
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((pointer.to_owned(), value))
}

pub(super) async fn run(
    args: &Args,
    settings: &Settings,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let consumer = args.consumer.as_deref();
    let plan = replay::plan_edit(connection, args.id, consumer).await.map_err(no_plan)?;
    if let Some(refusal) = plan.items.first().and_then(|item| item.refusal.as_ref()) {
        return Err(Failure::from(anyhow!("{}: {}", args.id, refusal.error)));
    }
    let change = match &args.body {
        Some(file) => Change::Body(read(file)?),
        None => Change::Set(args.set.clone()),
    };
    let original = original(args, settings, connection).await?;
    let edited = edit::edit(args.id, &original, &change).map_err(not_valid)?.edit;
    output.line(printable(&edited.diff))?;
    note_if_moot(args, connection, output).await?;
    if args.dry_run {
        output.line("the new body is valid; nothing was published")?;
        output.document(&json!({ "dry_run": true, "diff": edited.diff, "event_type": edited.event_type }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let order = Order { name: args.name.clone(), force_effects: args.force_effects, ..Order::default() };
    let selection = json!({ "of": "edit", "ids": [args.id] });
    let now = OffsetDateTime::now_utc();
    let job = replay::start(connection, &plan, &selection, consumer, &order, Some(&edited), now).await;
    let job = job.map_err(not_started)?;
    output.line(format!("{} publishes it", job.name))?;
    note_without_runner(connection, output).await?;
    if args.follow {
        return follow::run(&job, connection, output).await;
    }
    output.document(&status::document(&job.name, connection).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// The event as it was; the broker is asked only for what the database does not have.
async fn original(
    args: &Args,
    settings: &Settings,
    connection: &mut PgConnection,
) -> Result<Original, Failure> {
    const CLAIM_WAIT: Duration = Duration::from_secs(10);
    let wanted = [(args.id, args.consumer.as_deref())];
    let mut found = replay::load(connection, None, &wanted).await.map_err(not_loaded)?.pop();
    let is_gone = matches!(&found, Some(Err(refusal)) if refusal.code == "body_gone");
    let is_elsewhere = matches!(&found, Some(Ok(original))
        if original.claimed.is_none() && original.envelope.extensions.contains_key("claim"));
    if is_gone || is_elsewhere {
        let bus = broker(settings, CLAIM_WAIT.min(WAIT)).await?;
        if is_gone {
            found = replay::load(connection, Some(&bus), &wanted).await.map_err(not_loaded)?.pop();
        }
        if let Some(Ok(original)) = &mut found
            && let Some(name) = original.envelope.extensions.get("claim")
        {
            let body = Claims::new(&bus, &settings.nats).get(name, BODY_MAX_BYTES).await;
            original.claimed = Some(body.context("cannot fetch the body")?);
        }
        bus.close().await;
    }
    match found {
        Some(Ok(original)) => Ok(original),
        Some(Err(refusal)) => Err(Failure::from(anyhow!("{}: {}", args.id, refusal.error))),
        None => Err(Failure::from(anyhow!("there is no event {}", args.id))),
    }
}

/// An edit that changes nothing is most likely a mistake.
async fn note_if_moot(args: &Args, connection: &mut PgConnection, output: Output) -> Result<(), Failure> {
    if args.force_effects {
        return Ok(());
    }
    let found = webhook_events::find(connection, args.id).await.map_err(unreadable)?;
    let had_effects = |event: &webhook_events::Listed| {
        event.status == webhook_events::Status::Completed || event.effects_by.is_some()
    };
    if found.is_some_and(|stored| had_effects(&stored.event)) {
        output
            .note("its effects are there already, so this one will have none: --force-effects changes that");
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    let limit = BODY_MAX_BYTES as u64 + 1;
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut body))
    };
    read.with_context(|| format!("cannot read {}", file.display())).map_err(Failure::usage)?;
    Ok(Bytes::from(body))
}

fn not_valid(error: EditError) -> Failure {
    Failure::from(anyhow::Error::from(error))
        .hint("`weir events show EVENT_ID --raw` prints the body as it is")
}

fn not_loaded(error: LoadError) -> Failure {
    match error {
        LoadError::Database(error) => unreadable(error),
        LoadError::Broker(_) => Failure::away(error),
    }
}
