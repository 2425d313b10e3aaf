//! `weir instagram check`.

use std::{process::ExitCode, time::Duration};

use config::Settings;
use subscriptions::{Checked, Finding};
use time::OffsetDateTime;

use super::{failed, open};
use crate::{
    context::Context,
    failure::{Failure, WRONG},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir instagram check                      every few minutes, by a timer
  weir instagram check --silent-minutes 15

Exit code 1 means that an account needs attention: a new token, or another look.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Minutes without a webhook after which an account is subscribed again [default: `instagram.graph.silence_minutes`].
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=525_600))]
    silent_minutes: Option<u64>,
}

pub(super) async fn run(args: &Args, settings: &Settings, context: &Context) -> Result<ExitCode, Failure> {
    let silence = match args.silent_minutes {
        Some(minutes) => Duration::from_mins(minutes),
        None => settings.instagram.graph.silence(),
    };
    let subscriptions = open(settings).await?;
    let checked = subscriptions.check(silence, OffsetDateTime::now_utc()).await.map_err(failed)?;
    let output = context.output;
    output.table(["ACCOUNT", "FINDING", "TOKEN"], checked.iter().map(row))?;
    if checked.is_empty() {
        output.line("no accounts are subscribed")?;
    }
    output.document(&checked)?;
    let needs_attention = checked.iter().any(|checked| checked.finding.needs_attention());
    Ok(if needs_attention { ExitCode::from(WRONG) } else { ExitCode::SUCCESS })
}

fn row(checked: &Checked) -> [String; 3] {
    let finding = match &checked.finding {
        Finding::Alive => "webhooks come".to_owned(),
        Finding::Quiet => "quiet, subscribed".to_owned(),
        Finding::Resubscribed => "subscribed again: Meta had forgotten it".to_owned(),
        Finding::Removed => "unsubscribed, as asked for before".to_owned(),
        Finding::TokenDead => "its token is dead: a new one is needed".to_owned(),
        Finding::Failed { reason, may_pass: true } => format!("not known, to be checked again: {reason}"),
        Finding::Failed { reason, may_pass: false } => reason.clone(),
    };
    let token = if checked.resealed { "sealed with the newest key" } else { "-" };
    [checked.account_id.clone(), finding, token.to_owned()]
}
