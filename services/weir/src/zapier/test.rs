//! `weir zapier test`.

use std::process::ExitCode;

use config::Settings;
use outbound::Client;
use serde_json::json;
use sqlx::PgPool;

use super::{catalogue, failed};
use crate::{
    failure::{Failure, WRONG},
    output::Output,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier test                      every hook: settings, seal, address; nothing is sent
  weir zapier test sheets --send        sends a test message: a live Zap runs, and is paid for";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// This hook alone.
    name: Option<String>,
    /// Send a test message.
    #[arg(long)]
    send: bool,
}

pub(super) async fn run(
    args: &Args,
    settings: &Settings,
    pool: PgPool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let catalogue = catalogue(settings, pool)?;
    let client = Client::new("hooks", &settings.outbound).map_err(Failure::usage)?;
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None => catalogue.list().await.map_err(failed)?.into_iter().map(|hook| hook.name).collect(),
    };
    let mut found = Vec::new();
    for name in names {
        let validation = catalogue.validate(&name, &client, args.send).await.map_err(failed)?;
        let verdict = if validation.valid { "PASS" } else { "FAIL" };
        let millis = validation.response_time_ms.unwrap_or_default();
        let sent = match (validation.sent, validation.status_code) {
            (true, Some(status)) => format!(": sent, answered {status} in {millis} ms"),
            (true, None) => ": sent".to_owned(),
            (false, _) => String::new(),
        };
        output.line(format!("{verdict}  {name}{sent}"))?;
        for error in &validation.errors {
            output.line(format!("  error: {error}"))?;
        }
        for warning in &validation.warnings {
            output.line(format!("  warning: {warning}"))?;
        }
        found.push((name, validation));
    }
    if found.is_empty() {
        output.line("there are no hooks")?;
    }
    let valid = found.iter().all(|(_, validation)| validation.valid);
    let documents: Vec<_> =
        found.iter().map(|(name, validation)| json!({ "name": name, "validation": validation })).collect();
    output.document(&documents)?;
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}
