//! `weir dead-letters replay`: the short way to a job of dead letters, each for the consumer that gave it up.

use std::process::ExitCode;

use anyhow::anyhow;
use replay::Selection;
use store::{
    dead_letters::{Filter, Status},
    replays,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{JobArgs, WAIT, filter::word, start, unreadable};
use crate::{
    context::{Context, database},
    failure::Failure,
    since::Since,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir dead-letters replay 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10
  weir dead-letters replay --group 5f2b1c0d9e8a7b6c --follow
  weir dead-letters replay --consumer zapier-dispatcher --since 1d --dry-run

Each dead letter goes to the consumer that gave it up, and to no other.
`weir replay status` shows the job, `weir replay pause`, `resume` and `abort` steer it.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// These: ids of dead letters or of their events.
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    /// Of this group of failures, as `weir dead-letters groups` shows it.
    #[arg(long, value_name = "FINGERPRINT", value_parser = word)]
    group: Option<String>,
    /// Given up by this consumer.
    #[arg(long, value_name = "NAME", value_parser = word)]
    consumer: Option<String>,
    /// Of this provider.
    #[arg(long, value_parser = word)]
    provider: Option<String>,
    /// Of this type, such as c2s.lead.created.
    #[arg(long = "type", value_name = "TYPE", value_parser = word)]
    event_type: Option<String>,
    /// With this reason, such as timeout.
    #[arg(long, value_name = "CODE", value_parser = word)]
    reason: Option<String>,
    /// About this lead, account, snapshot or session.
    #[arg(long, value_name = "ID", visible_alias = "lead", alias = "account", value_parser = word)]
    subject: Option<String>,
    /// With this dedup key.
    #[arg(long, value_name = "KEY", value_parser = word)]
    key: Option<String>,
    /// With this text in the body or in the error, to the letter.
    #[arg(long, value_parser = word)]
    text: Option<String>,
    /// Failed last then or later: 90m, 2d, 2026-01-20, 2026-01-20T10:00:00Z.
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Failed last before.
    #[arg(long, value_name = "WHEN")]
    until: Option<Since>,
    #[command(flatten)]
    job: JobArgs,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let pool = database(&context.settings()?, WAIT).await?;
    let mut connection = pool.acquire().await.map_err(unreadable)?;
    let named = replays::letters_named(&mut connection, &args.ids).await.map_err(unreadable)?;
    if let Some(id) = args.ids.iter().find(|id| named.iter().all(|(name, _)| name != *id)) {
        let failure = Failure::from(anyhow!("there is no dead letter {id}, and none of an event of that id"));
        return Err(failure.hint("`weir dead-letters list` shows the ids"));
    }
    let ids: Vec<_> = named.into_iter().map(|(_, id)| id).collect();
    let now = OffsetDateTime::now_utc();
    let filter = Filter {
        ids: Some(ids.as_slice()).filter(|_| !args.ids.is_empty()),
        provider: args.provider.as_deref(),
        consumer: args.consumer.as_deref(),
        event_type: args.event_type.as_deref(),
        // Whoever names one means it, whatever became of it.
        status: args.ids.is_empty().then_some(Status::Dead),
        reason: args.reason.as_deref(),
        fingerprint: args.group.as_deref(),
        dedup_key: args.key.as_deref(),
        subject: args.subject.as_deref(),
        since: args.since.map(|since| since.before(now)),
        until: args.until.map(|until| until.before(now)),
        text: args.text.as_deref(),
    };
    start::begin(&Selection::Letters(filter), None, &args.job, &mut connection, context.output).await
}
