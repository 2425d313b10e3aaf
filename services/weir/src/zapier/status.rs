//! `weir zapier status`.

use std::process::ExitCode;

use ::hooks::health::HookHealth;
use serde_json::json;
use sqlx::PgPool;

use super::{percent, read};
use crate::{
    failure::Failure,
    output::{Output, minutes},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier status
  weir zapier status --json | jq .webhook_calls";

pub(super) async fn run(pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let health = read(pool).await?;
    output.table(
        ["HOOK", "STATE", "WAITING", "OLDEST", "LEFT OF LIMIT", "PAUSED UNTIL", "LAST HOUR"],
        health.hooks.iter().map(row),
    )?;
    if health.hooks.is_empty() {
        output.line("there are no hooks")?;
    }
    output.line(format!("{} dead letters", health.dead_letters))?;
    // Of the hook that has the least left.
    let least = health.hooks.iter().min_by_key(|hook| hook.remaining);
    output.document(&json!({
        "hooks": health.hooks,
        "dead_letters": health.dead_letters,
        "webhook_calls": {
            "remaining": least.map(|hook| hook.remaining),
            "limit": least.map(|hook| hook.limit),
        },
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn row(hook: &HookHealth) -> [String; 7] {
    let at = |instant: Option<_>| instant.map_or_else(|| "-".to_owned(), minutes);
    [
        hook.name.clone(),
        hook.disabled.map_or_else(|| "enabled".to_owned(), |reason| format!("disabled: {reason}")),
        hook.pending.to_string(),
        at(hook.oldest),
        format!("{} of {}", hook.remaining, hook.limit),
        at(hook.paused_until),
        format!("{} attempts, {}", hook.attempts_1hour, percent(hook.success_rate_1hour)),
    ]
}
