//! Connecting, migrating, and asking the server how it is.

use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool,
    migrate::{Migrate as _, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

static MIGRATOR: Migrator = sqlx::migrate!();

/// Oldest PostgreSQL that Weir works with, as `server_version_num` counts.
pub const SERVER_VERSION_MIN: i32 = 150_000;

/// How long [`is_connected`] waits; below what a health check may take.
const PING_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long a connection that is given back may take to answer.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long closing the pool may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes the pool. No connection is opened yet: a database that is away is a matter of health, not of starting.
/// Asynchronous all the same, since the pool needs a runtime to live in.
///
/// # Errors
/// The address is missing or no PostgreSQL address.
pub async fn connect(config: &config::Postgres) -> anyhow::Result<PgPool> {
    let url = config.url.as_ref().context("postgres.url is not set")?;
    // The parser takes any scheme, and its error may quote the address, password included.
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
    let Some(mut options) = url.expose().parse::<PgConnectOptions>().ok().filter(|_| is_postgres) else {
        bail!("postgres.url is not an address like postgres://user:password@host:port/database");
    };
    if options.get_application_name().is_none() {
        options = options.application_name(&program_name());
    }
    let statement_timeout = format!("{}ms", config.statement_timeout_ms);
    // Sooner than the statement's, so that waiting for somebody else's lock is told apart from being slow.
    let lock_timeout = format!("{}ms", config.statement_timeout_ms.div_ceil(2));
    let options = options.options([
        ("statement_timeout", statement_timeout.as_str()),
        ("lock_timeout", lock_timeout.as_str()),
        // A process that froze inside a transaction must not hold its rows against the others for ever.
        ("idle_in_transaction_session_timeout", statement_timeout.as_str()),
    ]);
    // sqlx asks whether a line about each statement would be logged and, if not, writes none. With filters per layer
    // (tracing-subscriber 0.3) the answer sticks to the thread and swallows the next span or line of somebody else:
    // one trace in three lacked its `process` span.
    let options = options.disable_statement_logging();
    Ok(PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        .after_release(|connection, _| Box::pin(still_answers(connection)))
        .connect_lazy_with(options))
}

/// Whether a connection that was given back is worth keeping. The pool's own test has no limit of time: one whose
/// server vanished without a word would keep its place until the kernel gives up, a quarter of an hour later. Proved
/// by `a_connection_whose_server_is_gone_without_a_word_is_replaced`.
async fn still_answers(connection: &mut PgConnection) -> sqlx::Result<bool> {
    tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await.map_err(std::io::Error::from)??;
    Ok(true)
}

/// Closes the pool's connections; those still in use after two seconds are left to end with the process. Proved by
/// `a_second_signal_ends_the_process_although_the_database_is_frozen`.
pub async fn close(pool: &PgPool) {
    tokio::time::timeout(CLOSE_TIMEOUT, pool.close()).await.ok();
}

/// Brings the database to this program's schema. Safe to run again, and by several at once. Proved by
/// `migrating_twice_and_at_once_changes_nothing`.
///
/// # Errors
/// The server is away or too old, or the database was migrated by a newer or different program.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let version = server_version(pool).await.context("cannot reach the database")?;
    if version < SERVER_VERSION_MIN {
        bail!(
            "PostgreSQL {} is too old: {} or newer is needed",
            version / 10_000,
            SERVER_VERSION_MIN / 10_000
        );
    }
    // A migration may rewrite a table: it is not held to the time of a statement of every day.
    let mut connection = pool.acquire().await?.detach();
    sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = 0").execute(&mut connection).await?;
    MIGRATOR.run(&mut connection).await.context("cannot migrate the database")
}

/// How many migrations the database still lacks.
///
/// # Errors
/// The server is away, or the database has never been migrated.
pub async fn migrations_pending(pool: &PgPool) -> anyhow::Result<usize> {
    let mut connection = pool.acquire().await?;
    let applied = connection.list_applied_migrations("_sqlx_migrations").await?;
    let is_pending = |version: i64| !applied.iter().any(|migration| migration.version == version);
    Ok(MIGRATOR.iter().filter(|migration| is_pending(migration.version)).count())
}

/// Whether the database has every table that this program uses.
pub async fn is_migrated(pool: &PgPool) -> bool {
    migrations_pending(pool).await.is_ok_and(|pending| pending == 0)
}

/// Whether the database answers, within a second and a half.
pub async fn is_connected(pool: &PgPool) -> bool {
    let ping = sqlx::raw_sql("select 1").execute(pool);
    matches!(tokio::time::timeout(PING_TIMEOUT, ping).await, Ok(Ok(_)))
}

/// The server's version as a number: 150018 is 15.18.
///
/// # Errors
/// The server is away.
pub async fn server_version(pool: &PgPool) -> sqlx::Result<i32> {
    sqlx::query_scalar!(r#"select current_setting('server_version_num')::integer as "version!""#)
        .fetch_one(pool)
        .await
}

/// What the connection is called in `pg_stat_activity`.
fn program_name() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "weir".to_owned())
}
