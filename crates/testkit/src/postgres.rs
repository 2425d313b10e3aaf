//! A private PostgreSQL, for tests that stop it; others take the cheaper [`Database`](crate::Database).

use std::time::Duration;

use config::{Secret, Settings};
use servers::{Durability, Life, Postgres, PostgresBin, PostgresOptions, Signal, Tools};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// How often a start is tried again after a kill, and how soon.
const RESTARTS: u32 = 50;
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// A PostgreSQL server of one test, migrated.
///
/// What was committed is there after a stop and a start: `a_database_server_keeps_what_was_committed_when_stopped`.
#[derive(Debug)]
pub struct PostgresServer {
    postgres: Postgres,
    server: PostgresBin,
    options: PostgresOptions,
    pool: PgPool,
    // Last, so that the server is gone before its folder.
    _folder: TempDir,
}

impl PostgresServer {
    /// Starts one with a migrated database.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("weir-postgres-").tempdir().expect("a folder");
        let server = installed();
        let options = throwaway(&folder);
        let postgres = launch(server.clone(), options.clone()).await;
        let options = PostgresOptions { port: Some(postgres.port()), ..options };
        let pool = store::connect(&settings(&postgres.url())).await.expect("a pool");
        store::migrate(&pool).await.expect("the database can be migrated");
        Self { postgres, server, options, pool, _folder: folder }
    }

    /// `postgres://weir@127.0.0.1:PORT/weir`
    pub fn url(&self) -> String {
        self.postgres.url()
    }

    /// Default settings with this server's address.
    pub fn config(&self) -> config::Postgres {
        settings(&self.url())
    }

    /// Connections to it, which come back by themselves after a stop and a start.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Ends it at once, breaking every connection (immediate shutdown).
    pub fn stop(&mut self) {
        let process = self.postgres.process();
        process.signal(Signal::Quit);
        process.stop();
    }

    /// Ends its main process as a crash does (SIGKILL). The others go as soon as they notice.
    pub fn kill(&mut self) {
        self.postgres.process().kill();
    }

    /// Freezes the server's main process: no new connections; those that are open go on (SIGSTOP).
    pub fn pause(&self) {
        self.postgres.pause();
    }

    /// Ends a [`PostgresServer::pause`].
    pub fn resume(&self) {
        self.postgres.resume();
    }

    /// Starts it again with the same port and data, after a stop if it still runs.
    pub async fn restart(&mut self) {
        self.stop();
        for _ in 0..RESTARTS {
            match try_launch(self.server.clone(), self.options.clone()).await {
                Ok(postgres) => {
                    self.postgres = postgres;
                    return;
                }
                // After a kill its other processes hold its memory until they notice.
                Err(_) => tokio::time::sleep(RESTART_PAUSE).await,
            }
        }
        self.postgres = launch(self.server.clone(), self.options.clone()).await;
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Not the orderly stop, whose checkpoint nobody will read.
        self.stop();
    }
}

pub(crate) fn installed() -> PostgresBin {
    Tools::of_repository().postgres().unwrap_or_else(|error| panic!("{error:#}"))
}

pub(crate) fn throwaway(folder: &TempDir) -> PostgresOptions {
    PostgresOptions {
        directory: folder.path().to_path_buf(),
        log: folder.path().join("server.log"),
        port: None,
        durability: Durability::Throwaway,
        password: None,
        life: Life::Ephemeral,
    }
}

pub(crate) async fn launch(server: PostgresBin, options: PostgresOptions) -> Postgres {
    try_launch(server, options).await.unwrap_or_else(|error| panic!("{error:#}"))
}

async fn try_launch(server: PostgresBin, options: PostgresOptions) -> anyhow::Result<Postgres> {
    spawn_blocking(move || Postgres::start(&server, &options))
        .await
        .expect("starting a server does not panic")
}

pub(crate) fn settings(url: &str) -> config::Postgres {
    config::Postgres { url: Some(Secret::from(url)), ..Settings::for_tests().postgres }
}
