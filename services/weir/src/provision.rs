//! `weir provision`: streams and consumers.

use std::{process::ExitCode, time::Duration};

use bus::{Action, Change, Topology};

use crate::{
    context::{Context, broker},
    failure::Failure,
};

const EXAMPLES: &str = "\
Examples:
  weir provision --dry-run     what would change
  weir provision
  WEIR_NATS__REPLICAS=3 weir provision";

/// Create and update the streams and consumers. Safe to run again; deletes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for the broker, seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let bus = broker(&settings, Duration::from_secs(args.wait)).await?;
    let (topology, replicas) = (Topology::embedded(), settings.nats.replicas);
    let changes =
        if args.dry_run { topology.plan(&bus, replicas).await } else { topology.apply(&bus, replicas).await };
    bus.close().await;
    let changes = changes.map_err(|error| {
        Failure::from(error)
            .hint("does the account have JetStream, and as many servers as nats.replicas asks for?")
    })?;

    let output = context.output;
    output.table(
        ["KIND", "NAME", "CHANGE", "DIFFERENCES"],
        changes.iter().map(|change| row(change, args.dry_run)),
    )?;
    let count = changes.iter().filter(|change| change.action != Action::Unchanged).count();
    output.line(match (count, args.dry_run) {
        (0, _) => "no changes".to_owned(),
        (count, true) => format!("{count} to change; nothing was changed"),
        (count, false) => format!("{count} changed"),
    })?;
    output.document(&serde_json::json!({ "dry_run": args.dry_run, "changed": count, "changes": changes }))?;
    Ok(ExitCode::SUCCESS)
}

fn row(change: &Change, dry_run: bool) -> [String; 4] {
    let action = match (change.action, dry_run) {
        (Action::Created, false) => "created",
        (Action::Created, true) => "to create",
        (Action::Updated, false) => "updated",
        (Action::Updated, true) => "to update",
        (Action::Unchanged, _) => "unchanged",
    };
    [change.kind.to_owned(), change.name.clone(), action.to_owned(), change.differences.join("\n")]
}
