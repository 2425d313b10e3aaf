//! A database of one test, on a server that the tests of a process share.

use std::sync::atomic::{AtomicU64, Ordering};

use servers::Postgres;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::postgres::{installed, launch, settings, throwaway};

/// The server of this process. Statics are never dropped; the server and its folder go when the process does, see
/// [`servers::Life::Ephemeral`].
static SERVER: OnceCell<Postgres> = OnceCell::const_new();

/// Numbers the databases.
static CREATED: AtomicU64 = AtomicU64::new(0);

/// A migrated, empty database that no other test sees: `two_databases_do_not_see_each_other`.
#[derive(Debug)]
pub struct Database {
    url: String,
    pool: PgPool,
}

impl Database {
    /// Creates one: a copy of a database that is migrated once per process.
    pub async fn create() -> Self {
        let server = SERVER.get_or_init(start).await;
        let name = format!("test_{}", CREATED.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&server.url_of("postgres")).await.expect("a connection");
        let statement = format!("create database {name} template weir");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .expect("a database can be created");
        admin.close().await.expect("a connection can be closed");
        let url = server.url_of(&name);
        let pool = store::connect(&settings(&url)).await.expect("a pool");
        Self { url, pool }
    }

    /// `postgres://weir@127.0.0.1:PORT/test_N`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections to it.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Default settings with this database's address.
    pub fn config(&self) -> config::Postgres {
        settings(&self.url)
    }
}

async fn start() -> Postgres {
    let folder = tempfile::Builder::new().prefix("weir-postgres-").tempdir().expect("a folder");
    let postgres = launch(installed(), throwaway(&folder)).await;
    // From here on the server's guard removes it.
    let _kept = folder.keep();
    let pool = store::connect(&settings(&postgres.url())).await.expect("a pool");
    store::migrate(&pool).await.expect("the database can be migrated");
    // A database with connections cannot be copied.
    pool.close().await;
    postgres
}
