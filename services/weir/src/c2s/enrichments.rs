//! `weir c2s enrichments`: what was done to enrich leads. Nothing that is shown says who a person is.

use std::process::ExitCode;

use config::Settings;
use store::lead_enrichments::{self, Filter, Listed, Outcome, Status};
use time::OffsetDateTime;
use uuid::Uuid;

use super::WAIT;
use crate::{
    context::{Context, database},
    failure::{Failure, WRONG},
    output::minutes,
    since::Since,
};

pub(super) const LIST_EXAMPLES: &str = "\
Examples:
  weir c2s enrichments list --since 1d
  weir c2s enrichments list --outcome no-cpf --limit 20
  weir c2s enrichments list --lead a1b2c3 --json";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  weir c2s enrichments show 0199a0f0-7c00-7000-8000-000000000001";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List enrichments, newest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Show one, with what was asked and what came of it.
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Its id.
        id: Uuid,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Of this lead.
    #[arg(long, value_name = "LEAD")]
    lead: Option<String>,
    /// In this status.
    #[arg(long, value_enum)]
    status: Option<StatusWord>,
    /// With this outcome.
    #[arg(long, value_enum)]
    outcome: Option<OutcomeWord>,
    /// Begun since then: `90m`, `2d`, `2026-01-20`, `2026-01-20T10:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// So many, at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StatusWord {
    Processing,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OutcomeWord {
    Enriched,
    Repeated,
    NoCpf,
    NoData,
    Suppressed,
    LeadGone,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Processing => Self::Processing,
            StatusWord::Completed => Self::Completed,
            StatusWord::Failed => Self::Failed,
        }
    }
}

impl From<OutcomeWord> for Outcome {
    fn from(word: OutcomeWord) -> Self {
        match word {
            OutcomeWord::Enriched => Self::Enriched,
            OutcomeWord::Repeated => Self::Repeated,
            OutcomeWord::NoCpf => Self::NoCpf,
            OutcomeWord::NoData => Self::NoData,
            OutcomeWord::Suppressed => Self::Suppressed,
            OutcomeWord::LeadGone => Self::LeadGone,
        }
    }
}

pub(super) async fn run(verb: &Verb, settings: &Settings, context: &Context) -> Result<ExitCode, Failure> {
    let pool = database(settings, WAIT).await?;
    let mut connection = pool.acquire().await.map_err(Failure::away)?;
    match verb {
        Verb::List(args) => {
            let filter = Filter {
                lead_id: args.lead.clone(),
                status: args.status.map(Into::into),
                outcome: args.outcome.map(Into::into),
                since: args.since.map(|since| since.before(OffsetDateTime::now_utc())),
            };
            let limit = i64::from(args.limit);
            let listed =
                lead_enrichments::list(&mut connection, &filter, limit).await.map_err(Failure::away)?;
            list(&listed, context)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Show { id } => {
            let found = lead_enrichments::find(&mut connection, *id).await.map_err(Failure::away)?;
            let Some(enrichment) = found else {
                context.output.line("there is no such enrichment")?;
                context.output.document(&serde_json::Value::Null)?;
                return Ok(ExitCode::from(WRONG));
            };
            show(&enrichment, context)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(listed: &[Listed], context: &Context) -> anyhow::Result<()> {
    let output = context.output;
    output
        .table(["STARTED", "LEAD", "STATUS", "OUTCOME", "CPF BY", "MESSAGE", "ID"], listed.iter().map(row))?;
    if listed.is_empty() {
        output.line("no enrichments")?;
    }
    output.document(&listed)
}

fn row(listed: &Listed) -> [String; 7] {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        minutes(listed.started_at),
        listed.lead_id.clone(),
        listed.status.as_str().to_owned(),
        or_dash(listed.outcome.map(Outcome::as_str).or(listed.error_code.as_deref())),
        or_dash(listed.cpf_source.as_deref()),
        or_dash(listed.message_status.as_deref()),
        listed.id.to_string(),
    ]
}

fn show(listed: &Listed, context: &Context) -> anyhow::Result<()> {
    let output = context.output;
    let at = |instant: Option<OffsetDateTime>| instant.map(minutes);
    let fields = [
        ("id", Some(listed.id.to_string())),
        ("lead", Some(listed.lead_id.clone())),
        ("event", Some(listed.event_id.to_string())),
        ("status", Some(listed.status.as_str().to_owned())),
        ("outcome", listed.outcome.map(|outcome| outcome.as_str().to_owned())),
        ("note", listed.note.clone()),
        ("cpf by", listed.cpf_source.clone()),
        ("people", Some(listed.people.to_string())),
        ("attempts", Some(listed.attempts.to_string())),
        ("error", listed.error_code.clone()),
        ("message", listed.message_status.clone()),
        ("marker", listed.message_marker.clone()),
        ("sent", at(listed.sent_at)),
        ("started", Some(minutes(listed.started_at))),
        ("finished", at(listed.finished_at)),
        ("erased", at(listed.erased_at)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            output.line(format!("{name:<9} {}", crate::output::printable(&value)))?;
        }
    }
    for step in listed.steps.as_array().map(Vec::as_slice).unwrap_or_default() {
        let word = |name: &str| step.get(name).and_then(serde_json::Value::as_str).unwrap_or("-").to_owned();
        output.line(format!("step      {} {} {}", word("step"), word("source"), word("outcome")))?;
    }
    output.document(listed)
}
