//! `weir events`: the ledger.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{
    replays::{self, Link},
    webhook_events::{self, Listed, Status, Stored},
};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use crate::{
    context::{Context, database},
    failure::Failure,
    output::{Output, printable, size},
    replay::FilterArgs,
};

const WAIT: Duration = Duration::from_secs(5);

const LIST_EXAMPLES: &str = "\
Examples:
  weir events list --since 1h
  weir events list --status dead_letter --provider c2s
  weir events list --subject lead-12345 --json
  weir events list --limit 100 --after 0199a1c2-...     the page after that event";

const SHOW_EXAMPLES: &str = "\
Examples:
  weir events show 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10
  weir events show 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --raw > event.json";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List events, newest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(Box<ListArgs>),
    /// Show one event with its body.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Those that come after this event in the list.
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<Uuid>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The event's id (ce-id).
    id: Uuid,
    /// Print the exact bytes of the body and nothing else.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum StatusWord {
    Received,
    Processing,
    Completed,
    Failed,
    DeadLetter,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Received => Self::Received,
            StatusWord::Processing => Self::Processing,
            StatusWord::Completed => Self::Completed,
            StatusWord::Failed => Self::Failed,
            StatusWord::DeadLetter => Self::DeadLetter,
        }
    }
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let pool = database(&context.settings()?, WAIT).await?;
    match verb {
        Verb::List(args) => list(args, &pool, context.output).await,
        Verb::Show(args) => show(args, &pool, context.output).await,
    }
}

async fn list(args: &ListArgs, pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let mut connection = pool.acquire().await.context("cannot read the ledger")?;
    let cursor = match args.after {
        Some(id) => Some(
            webhook_events::find(&mut connection, id)
                .await
                .map_err(unreadable)?
                .ok_or_else(|| unknown(id))?
                .event
                .cursor(),
        ),
        None => None,
    };
    let filter = args.filter.filter(&[], OffsetDateTime::now_utc());
    let events =
        webhook_events::list(&mut connection, &filter, cursor, args.limit).await.map_err(unreadable)?;
    output.table(
        ["RECEIVED", "STATUS", "TYPE", "SUBJECT", "ATTEMPTS", "ERROR", "ID"],
        events.iter().map(row),
    )?;
    if events.is_empty() {
        output.line("no events match")?;
    }
    if let (Some(last), true) = (events.last(), events.len() == usize::from(args.limit)) {
        output.line(format!("\nthere may be more: --after {}", last.id))?;
    }
    output.document(&events)?;
    Ok(ExitCode::SUCCESS)
}

fn row(event: &Listed) -> [String; 7] {
    [
        seconds(event.received_at),
        event.status.to_string(),
        event.event_type.clone(),
        event.subject.clone().unwrap_or_else(|| "-".to_owned()),
        event.attempts.to_string(),
        event.error_code.clone().unwrap_or_else(|| "-".to_owned()),
        event.id.to_string(),
    ]
}

async fn show(args: &ShowArgs, pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let mut connection = pool.acquire().await.context("cannot read the ledger")?;
    let found = webhook_events::find(&mut connection, args.id).await.map_err(unreadable)?;
    let stored = found.ok_or_else(|| unknown(args.id))?;
    if args.raw {
        output.bytes(&stored.body)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fields = serde_json::to_value(&stored.event).context("an event is plain data")?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        output.line(format!("{name:<16} {}", printable(&shown)))?;
    }
    show_members("extensions", stored.extensions.as_ref(), output)?;
    show_members("headers", stored.headers.as_ref(), output)?;
    output.line(format!("{:<16} {}", "duplicates", stored.duplicates))?;
    let chain = replays::chain(&mut connection, args.id).await.map_err(unreadable)?;
    show_chain(args.id, &chain, output)?;
    for (job, diff) in replays::edits_of(&mut connection, args.id).await.map_err(unreadable)? {
        output.line(format!("\nedited by {job}:\n{}", printable(&diff)))?;
    }
    output.line(format!("\nbody, {}:\n{}", size(stored.body.len() as u64), body_for_people(&stored.body)))?;
    output.document(&whole(&stored, fields, &chain))?;
    Ok(ExitCode::SUCCESS)
}

/// The original and all its replays, if there are any.
fn show_chain(id: Uuid, chain: &[Link], output: Output) -> anyhow::Result<()> {
    if chain.len() < 2 {
        return Ok(());
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let row = |link: &Link| {
        let status = match link.effects_by {
            Some(by) => format!("{}, effects by {by}", link.status),
            None => link.status.clone(),
        };
        [
            if link.id == id { "*" } else { "" }.to_owned(),
            link.id.to_string(),
            or_dash(link.replayed_from.map(|id| id.to_string())),
            or_dash(link.at.map(seconds)),
            status,
            or_dash(link.error_code.clone()),
            or_dash(link.job.clone()),
            link.consumer.clone().unwrap_or_else(|| "all".to_owned()),
        ]
    };
    output.line("\nreplays:")?;
    output
        .table(["", "EVENT", "REPLAYS", "WHEN", "STATUS", "ERROR", "JOB", "CONSUMER"], chain.iter().map(row))
}

/// The event as one document. The body is exact: text, or base64 where it is none.
fn whole(stored: &Stored, fields: Value, chain: &[Link]) -> Value {
    let (text, base64) = match std::str::from_utf8(&stored.body) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(STANDARD.encode(&stored.body))),
    };
    let mut document = fields;
    if let Value::Object(members) = &mut document {
        members.insert("duplicates".to_owned(), stored.duplicates.into());
        members.insert("chain".to_owned(), json!(chain));
        members.insert("body".to_owned(), json!(text));
        members.insert("body_base64".to_owned(), json!(base64));
        members.insert("extensions".to_owned(), json!(stored.extensions));
        members.insert("headers".to_owned(), json!(stored.headers));
    }
    document
}

/// What the envelope said beside, or a stranger's headers, one a line.
fn show_members(what: &str, object: Option<&Value>, output: Output) -> anyhow::Result<()> {
    for (name, value) in object.and_then(Value::as_object).into_iter().flatten() {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        output.line(format!("{:<16} {}", printable(&format!("{what}.{name}")), printable(&shown)))?;
    }
    Ok(())
}

fn body_for_people(body: &[u8]) -> String {
    let pretty = serde_json::from_slice::<Value>(body).ok().map(|value| format!("{value:#}"));
    printable(&pretty.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
}

fn seconds(instant: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    instant.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

fn unknown(id: Uuid) -> Failure {
    Failure::from(anyhow!("there is no event {id}")).hint("`weir events list` shows the ids")
}

pub(crate) fn unreadable(error: sqlx::Error) -> Failure {
    const UNDEFINED_TABLE: &str = "42P01";
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let undefined = code.is_some_and(|code| code == UNDEFINED_TABLE);
    let is_away = store::classify(&error) == store::Fault::Unavailable;
    let error = anyhow::Error::from(error).context("cannot read the ledger");
    match (undefined, is_away) {
        (true, _) => Failure::from(error).hint("run `weir migrate`"),
        (false, true) => Failure::away(error).hint("check that PostgreSQL runs, and postgres.url"),
        (false, false) => Failure::from(error),
    }
}
