//! `weir instagram list`.

use std::process::ExitCode;

use config::Settings;
use subscriptions::Listed;

use super::{WAIT, failed};
use crate::{
    context::{Context, database},
    failure::Failure,
    output::minutes,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir instagram list
  weir instagram list --json | jq '.[] | select(.status != \"active\")'";

pub(super) async fn run(settings: &Settings, context: &Context) -> Result<ExitCode, Failure> {
    let pool = database(settings, WAIT).await?;
    let listed = subscriptions::list(&pool).await.map_err(failed)?;
    let output = context.output;
    output.table(
        ["ACCOUNT", "NAME", "STATUS", "FIELDS", "LAST WEBHOOK", "CONFIRMED", "KEY", "ERROR"],
        listed.iter().map(row),
    )?;
    if listed.is_empty() {
        output.line("no accounts are subscribed")?;
    }
    output.document(&listed)?;
    Ok(ExitCode::SUCCESS)
}

fn row(listed: &Listed) -> [String; 8] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let at = |instant: Option<_>| instant.map_or_else(|| "-".to_owned(), minutes);
    [
        listed.account_id.clone(),
        or_dash(&listed.username),
        listed.status.to_string(),
        listed.fields.join(", "),
        at(listed.last_webhook_at),
        at(listed.subscribed_at),
        or_dash(&listed.key_id),
        or_dash(&listed.error_message),
    ]
}
