//! `weir migrate`: the database's schema.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use serde::Serialize;
use sqlx::PgPool;

use crate::{
    context::{Context, database},
    failure::Failure,
};

const EXAMPLES: &str = "\
Examples:
  weir migrate
  weir migrate --wait 120      give a database that is still starting two minutes";

/// Bring the database to this version's schema. Safe to run again, and by several at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long to wait for the database, seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
struct Applied {
    version: i64,
    description: String,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let pool = database(&settings, Duration::from_secs(args.wait)).await?;
    let before = applied(&pool).await?;
    store::migrate(&pool).await?;
    let after = applied(&pool).await?;
    let new: Vec<_> = after.iter().filter(|migration| !before.contains(migration)).collect();

    let output = context.output;
    for migration in &new {
        output.line(format!("applied {:04} {}", migration.version, migration.description))?;
    }
    output.line(match new.len() {
        0 => format!("nothing to do: all {} migrations are applied", after.len()),
        count => format!("applied {count} of {} migrations", after.len()),
    })?;
    output.document(&serde_json::json!({ "applied": new, "total": after.len() }))?;
    Ok(ExitCode::SUCCESS)
}

/// What the migrator has noted; nothing before the first migration.
async fn applied(pool: &PgPool) -> anyhow::Result<Vec<Applied>> {
    let noted: Option<String> =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations')::text").fetch_one(pool).await?;
    if noted.is_none() {
        return Ok(Vec::new());
    }
    sqlx::query_as("select version, description from _sqlx_migrations where success order by version")
        .fetch_all(pool)
        .await
        .context("cannot read which migrations are applied")
}
