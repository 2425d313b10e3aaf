//! The database: version, migrations, clock, sizes, and what the ledger says needs a person.

use std::time::Duration;

use config::Settings;
use sqlx::PgPool;
use store::webhook_events::{self, Status};
use time::OffsetDateTime;

use super::{clock, finding::Findings};
use crate::{context, output::size};

pub(crate) async fn examine(settings: &Settings, wait: Duration) -> Findings {
    let mut findings = Findings::about("database");
    let pool = match context::database(settings, wait).await {
        Ok(pool) => pool,
        Err(failure) => {
            findings.error(failure.sentence(), failure.advice().unwrap_or("check the postgres section"));
            return findings;
        }
    };
    if let Err(error) = look(&pool, &mut findings).await {
        findings.error(format!("it does not answer: {error:#}"), "look at PostgreSQL's log");
    }
    findings
}

async fn look(pool: &PgPool, findings: &mut Findings) -> anyhow::Result<()> {
    version(store::server_version(pool).await?, findings);

    let asked = OffsetDateTime::now_utc();
    let theirs: OffsetDateTime = sqlx::query_scalar("select clock_timestamp()").fetch_one(pool).await?;
    clock::compare(findings, theirs, asked, OffsetDateTime::now_utc());

    match store::migrations_pending(pool).await {
        Ok(0) => findings.ok("all migrations are applied"),
        Ok(pending) => findings.error(format!("{pending} migrations are not applied"), "run `weir migrate`"),
        Err(_) => findings.error("it was never migrated", "run `weir migrate`"),
    }
    sizes(pool, findings).await?;
    if store::is_migrated(pool).await {
        ledger(pool, findings).await?;
    }
    Ok(())
}

fn version(number: i32, findings: &mut Findings) {
    let (major, minor) = (number / 10_000, number % 10_000);
    if number < store::SERVER_VERSION_MIN {
        let oldest = store::SERVER_VERSION_MIN / 10_000;
        findings
            .error(format!("PostgreSQL {major}.{minor} is too old"), format!("upgrade to {oldest} or newer"));
    } else {
        findings.ok(format!("PostgreSQL {major}.{minor}"));
    }
}

/// The server's own catalog, not Weir's tables: hence here and not in the store.
async fn sizes(pool: &PgPool, findings: &mut Findings) -> anyhow::Result<()> {
    const LARGEST: &str = "select relname::text, pg_total_relation_size(relid), n_live_tup
        from pg_catalog.pg_stat_user_tables
        where schemaname = current_schema()
        order by 2 desc limit 5";
    let whole: i64 =
        sqlx::query_scalar("select pg_database_size(current_database())").fetch_one(pool).await?;
    let tables: Vec<(String, i64, i64)> = sqlx::query_as(LARGEST).fetch_all(pool).await?;
    let table = |(name, bytes, rows): (String, i64, i64)| {
        format!("{name} {} (about {rows} rows)", size(bytes.unsigned_abs()))
    };
    let tables: Vec<_> = tables.into_iter().map(table).collect();
    findings.ok(format!("size {}: {}", size(whole.unsigned_abs()), tables.join(", ")));
    Ok(())
}

async fn ledger(pool: &PgPool, findings: &mut Findings) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let day_ago = OffsetDateTime::now_utc() - time::Duration::DAY;
    let counts = webhook_events::count_by_status(&mut connection, Some(day_ago)).await?;
    let of = |status| counts.iter().find(|count| count.status == status).map_or(0, |count| count.count);
    let shown: Vec<_> = counts.iter().map(|count| format!("{} {}", count.count, count.status)).collect();
    findings.ok(format!(
        "events of the last day: {}",
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    ));
    if of(Status::DeadLetter) > 0 {
        findings.info(
            format!("{} dead letters in the last day", of(Status::DeadLetter)),
            "see why: `weir events list --status dead_letter --since 1d`",
        );
    }
    if of(Status::Failed) > 0 {
        findings.info(
            format!("{} events failed and will be tried again", of(Status::Failed)),
            "see why: `weir events list --status failed --since 1d`",
        );
    }
    Ok(())
}
