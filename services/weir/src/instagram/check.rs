//! `weir instagram check`.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use config::Settings;
use subscriptions::{Checked, Error, Finding};
use time::OffsetDateTime;

use super::{failed, open};
use crate::{
    context::Context,
    failure::{AWAY, Failure, WRONG},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir instagram check                      every few minutes, by a timer
  weir instagram check --silent-minutes 15

Prints what it did and found, and then one line that sums it up. Of two checks at one time the second does nothing.
Exit code 1 means that an account needs attention: a new token, or another look; 3 that Meta could not be asked about
one, and the next check will.";

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
    let output = context.output;
    let checked = match subscriptions.check(silence, OffsetDateTime::now_utc()).await {
        Ok(checked) => checked,
        Err(Error::Busy) => {
            output.line("another check is at work")?;
            output.document(&Vec::<Checked>::new())?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(failed(error)),
    };
    let told: Vec<_> = checked.iter().filter(|checked| is_news(checked)).collect();
    if !told.is_empty() {
        output.table(["ACCOUNT", "FINDING", "TOKEN"], told.into_iter().map(row))?;
    }
    output.line(summary(&checked))?;
    output.document(&checked)?;
    let any = |is: fn(&Finding) -> bool| checked.iter().any(|checked| is(&checked.finding));
    Ok(match () {
        () if any(Finding::needs_attention) => ExitCode::from(WRONG),
        () if any(Finding::is_unsettled) => ExitCode::from(AWAY),
        () => ExitCode::SUCCESS,
    })
}

/// A timer's log shall say what happened, not that nothing did.
fn is_news(checked: &Checked) -> bool {
    checked.resealed || !matches!(checked.finding, Finding::Alive | Finding::Quiet)
}

/// `3 accounts checked: 2 alive, 1 subscribed again`.
fn summary(checked: &[Checked]) -> String {
    let word = |finding: &Finding| match finding {
        Finding::Alive => "alive",
        Finding::Quiet => "quiet",
        Finding::Resubscribed => "subscribed again",
        Finding::Removed => "unsubscribed",
        Finding::TokenDead => "without a living token",
        Finding::Failed { may_pass: true, .. } => "to be checked again",
        Finding::Failed { may_pass: false, .. } => "failed",
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for checked in checked {
        *counts.entry(word(&checked.finding)).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    match checked.len() {
        0 => "no accounts are subscribed".to_owned(),
        1 => format!("1 account checked: {}", counts.join(", ")),
        many => format!("{many} accounts checked: {}", counts.join(", ")),
    }
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
