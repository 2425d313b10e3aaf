//! `weir zapier attempts`.

use std::{collections::HashMap, process::ExitCode};

use anyhow::Context as _;
use sqlx::PgPool;
use store::{hook_deliveries, hooks};
use uuid::Uuid;

use crate::{
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier attempts
  weir zapier attempts --event 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of this event alone.
    #[arg(long, value_name = "EVENT_ID")]
    event: Option<Uuid>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn run(args: &Args, pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let reading = async {
        let mut connection = pool.acquire().await?;
        let attempts = hook_deliveries::attempts(&mut connection, args.event, args.limit.into()).await?;
        let hooks = hooks::all(&mut connection).await?;
        Ok::<_, sqlx::Error>((attempts, hooks))
    };
    let (attempts, hooks) = reading.await.context("cannot read the attempts")?;
    let names: HashMap<_, _> = hooks.into_iter().map(|hook| (hook.id, hook.name)).collect();
    let rows = attempts.iter().map(|attempt| {
        let answer = attempt.status_code.map(|status| status.to_string());
        let said = attempt.error_message.clone().or_else(|| attempt.response_excerpt.clone());
        [
            minutes(attempt.started_at),
            names.get(&attempt.hook_id).cloned().unwrap_or_else(|| attempt.hook_id.to_string()),
            attempt.event_id.to_string(),
            attempt.number.to_string(),
            attempt.outcome.as_str().to_owned(),
            answer.or_else(|| attempt.error_code.clone()).unwrap_or_else(|| "-".to_owned()),
            format!("{} ms", attempt.duration_ms),
            said.unwrap_or_default(),
        ]
    });
    output.table(["AT", "HOOK", "EVENT", "ATTEMPT", "OUTCOME", "ANSWER", "TOOK", "SAID"], rows)?;
    if attempts.is_empty() {
        output.line("there were no attempts")?;
    }
    output.document(&attempts)?;
    Ok(ExitCode::SUCCESS)
}
