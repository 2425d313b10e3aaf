//! What every verb needs: output, settings, and connections that fail with a sentence.

use std::{path::PathBuf, time::Duration};

use anyhow::anyhow;
use bus::Bus;
use config::{LoadError, Role, Settings};
use sqlx::{ConnectOptions as _, Connection as _, PgPool};
use tokio::time::{Instant, sleep, timeout};

use crate::{failure::Failure, output::Output};

const POLL: Duration = Duration::from_millis(200);
/// Name of our connections, where servers show them.
const CLIENT: &str = "weir";

pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) config: Option<PathBuf>,
}

impl Context {
    /// The settings as a process of this role would see them.
    pub(crate) fn settings_of(&self, role: Role) -> Result<Settings, LoadError> {
        config::load_with(role, self.config.clone())
    }

    /// The operator's settings; what there is to notice goes to standard error.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let settings = self.settings_of(Role::Operator)?;
        for notice in settings.notices() {
            self.output.note(notice);
        }
        Ok(settings)
    }
}

/// The broker, waited for at most so long.
pub(crate) async fn broker(settings: &Settings, wait: Duration) -> Result<Bus, Failure> {
    let mut nats = settings.nats.clone();
    nats.connect_timeout_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Ok(bus::connect(&nats, CLIENT).await?)
}

/// The database, waited for at most so long. What waiting cannot cure (a wrong password) is said at once.
pub(crate) async fn database(settings: &Settings, wait: Duration) -> Result<PgPool, Failure> {
    const HINT: &str =
        "set WEIR_POSTGRES__URL (or DATABASE_URL) to postgres://user:password@host:port/database";
    const AWAY: &str = "check that PostgreSQL runs, and postgres.url";
    let pool = store::connect(&settings.postgres).await.map_err(|error| Failure::usage(error).hint(HINT))?;
    let deadline = Instant::now() + wait;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(POLL);
        // The pool would say that it waited; one connection says what for.
        let error = match timeout(left, pool.connect_options().connect()).await {
            Ok(Ok(connection)) => {
                connection.close().await.ok();
                return Ok(pool);
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(Failure::away(anyhow!("the database does not answer")).hint(AWAY)),
        };
        if !may_pass(&error) || Instant::now() >= deadline {
            let error = anyhow::Error::from(error).context("cannot connect to the database");
            return Err(Failure::away(error).hint(AWAY));
        }
        sleep(POLL).await;
    }
}

/// Whether the server may be about to start.
fn may_pass(error: &sqlx::Error) -> bool {
    const CANNOT_CONNECT_NOW: &str = "57P03";
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().as_deref() == Some(CANNOT_CONNECT_NOW),
        _ => false,
    }
}
