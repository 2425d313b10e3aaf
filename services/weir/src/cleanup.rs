//! `weir cleanup`: what is old goes.

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lifecycle::Shutdown;
use retention::{Ask, Line, Plan, Refused};
use serde_json::json;
use sqlx::PgPool;
use store::webhook_events::Status;
use time::OffsetDateTime;

use crate::{
    context::{Context, broker, database},
    events::{StatusWord, unreadable},
    failure::{Failure, WRONG},
    output::{minutes, size},
};

const WAIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  weir cleanup --dry-run                       what would go, and what is kept although it is old
  weir cleanup                                 what is older than configured
  weir cleanup --days 30 --provider instagram
  weir cleanup --days 90 --provider usage      sessions and deliveries to hooks, too
  weir cleanup --status dead_letter --days 180 --vacuum";

/// Remove what is old and settled: ledger, dead letters, accounts of consumers, replays, deliveries to hooks, sessions.
///
/// In batches, a short transaction each; safe to interrupt, and to run beside everything. The dead letter service does the
/// same every hour (`retention.enabled`).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Older than so many days, instead of what `retention` says for each provider and status.
    #[arg(long)]
    days: Option<u64>,
    /// Only this provider's.
    #[arg(long)]
    provider: Option<String>,
    /// Only in this status: completed or `dead_letter`.
    #[arg(long)]
    status: Option<StatusWord>,
    /// Count what would go, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Afterwards give the room back for new rows (VACUUM, ANALYZE), which takes a while and blocks nobody.
    #[arg(long, conflicts_with = "dry_run")]
    vacuum: bool,
}

impl Args {
    /// Of usage reports, with sessions and deliveries to hooks, older than so many days.
    pub(crate) fn of_usage(days: u64) -> Self {
        let provider = Some(contract::stream::usage::PROVIDER.to_owned());
        Self { days: Some(days), provider, status: None, dry_run: false, vacuum: false }
    }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let ask = Ask {
        provider: args.provider.as_deref(),
        status: args.status.map(Status::from),
        days: args.days,
        dry_run: args.dry_run,
    };
    let now = OffsetDateTime::now_utc();
    // What no broker and no database can make right is said first.
    Plan::new(&settings.retention, &ask, Duration::ZERO, now).map_err(refused)?;
    let bus = broker(&settings, WAIT).await?;
    let horizon = retention::horizon(&bus).await.map_err(Failure::away);
    bus.close().await;
    let plan = Plan::new(&settings.retention, &ask, horizon?, now).map_err(refused)?;
    let pool = database(&settings, WAIT).await?;
    let before = bytes(&pool).await?;

    let Worked { lines, interrupted } = work(&pool, &plan).await?;
    if args.vacuum && !interrupted {
        vacuum(&pool).await?;
    }
    report(context, args, &lines, (before, bytes(&pool).await?), interrupted)?;
    if interrupted {
        context.output.note("interrupted: there may be more; run it again");
        return Ok(ExitCode::from(WRONG));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was done, and whether somebody ended it.
struct Worked {
    lines: Vec<Line>,
    interrupted: bool,
}

/// Works the plan off, with a bar; the first Ctrl-C ends it after the batch under way.
async fn work(pool: &PgPool, plan: &Plan) -> Result<Worked, Failure> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    let shutdown = Shutdown::default();
    let running = retention::run(pool, plan, &shutdown, |line| {
        let (what, provider) = (line.what.as_str(), line.provider);
        bar.set_message(format!("{provider} {what} {}: {} removed", line.status, line.deleted));
        bar.tick();
    });
    tokio::pin!(running);
    let result = tokio::select! {
        result = &mut running => result,
        _ = tokio::signal::ctrl_c() => {
            shutdown.drain();
            running.await
        }
    };
    bar.finish_and_clear();
    let lines = result.map_err(unreadable)?.ok_or_else(|| {
        Failure::from(anyhow!("another process is removing what is old"))
            .hint("the dead letter service does it every hour")
    })?;
    Ok(Worked { lines, interrupted: shutdown.is_draining() })
}

async fn vacuum(pool: &PgPool) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    // As long as it takes.
    sqlx::query("set statement_timeout = 0").execute(&mut *connection).await?;
    for table in store::retention::TABLES {
        store::retention::vacuum(&mut connection, table).await?;
    }
    connection.close().await?;
    Ok(())
}

async fn bytes(pool: &PgPool) -> anyhow::Result<u64> {
    let bytes = store::retention::database_bytes(&mut *pool.acquire().await?).await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

fn report(
    context: &Context,
    args: &Args,
    lines: &[Line],
    bytes: (u64, u64),
    interrupted: bool,
) -> anyhow::Result<()> {
    let output = context.output;
    let shown = lines.iter().filter(|line| line.deleted + line.kept > 0).map(|line| {
        let provider = if line.provider.is_empty() { "all" } else { line.provider };
        [
            provider.to_owned(),
            line.status.to_string(),
            line.what.as_str().to_owned(),
            minutes(line.before),
            line.deleted.to_string(),
            line.kept.to_string(),
        ]
    });
    let removed = if args.dry_run { "WOULD GO" } else { "REMOVED" };
    output.table(["PROVIDER", "STATUS", "WHAT", "OLDER THAN", removed, "KEPT"], shown)?;
    let total: u64 = lines.iter().map(|line| line.deleted).sum();
    let kept: u64 = lines.iter().map(|line| line.kept).sum();
    output.line(if args.dry_run {
        format!("{total} rows would go; nothing was removed")
    } else {
        format!("{total} rows removed; the database has {} (before: {})", size(bytes.1), size(bytes.0))
    })?;
    if kept > 0 {
        output.line(format!(
            "{kept} rows as old are kept: no audit has counted them yet (`weir audit`), or something that is still there \
             needs them, perhaps until the next run"
        ))?;
    }
    if total > 0 && !args.dry_run && !args.vacuum {
        output.line("their room is reused in time; `weir cleanup --vacuum` makes it so at once")?;
    }
    output.document(&json!({
        "dry_run": args.dry_run,
        "interrupted": interrupted,
        "removed": total,
        "kept": kept,
        "database_bytes_before": bytes.0,
        "database_bytes": bytes.1,
        "lines": lines,
    }))
}

fn refused(error: Refused) -> Failure {
    let hint = match &error {
        Refused::NotSettled(_) => {
            "`weir dead-letters` and `weir replay` settle them; only completed and dead_letter can be removed"
        }
        Refused::TooYoung { .. } => {
            "keep the ledger longer than any stream keeps an event, its duplicate window included"
        }
        Refused::UnknownProvider(_) => "c2s, instagram, brightdata or usage",
    };
    Failure::usage(error).hint(hint)
}
