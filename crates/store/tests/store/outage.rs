//! What a database that is away, or slow, looks like.

use std::{process::Command, time::Duration};

use store::{Fault, classify};
use testkit::{Database, PostgresServer, eventually};

#[tokio::test]
async fn a_server_that_stops_is_unavailable_and_comes_back_by_itself() {
    let mut server = PostgresServer::start().await;
    let config = config::Postgres { acquire_timeout_ms: 300, ..server.config() };
    let pool = store::connect(&config).await.unwrap();
    assert!(store::is_connected(&pool).await);
    let mut cut = pool.begin().await.unwrap();
    server.stop();
    let error = sqlx::query("select 1").execute(&mut *cut).await.unwrap_err();
    assert_eq!(classify(&error), Fault::Unavailable, "{error}");
    drop(cut);
    let error = pool.begin().await.unwrap_err();
    assert_eq!(classify(&error), Fault::Unavailable, "{error}");
    assert!(!store::is_connected(&pool).await);
    server.restart().await;
    assert!(store::is_connected(&pool).await);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_and_may_be_tried_again() {
    let database = Database::create().await;
    let config = config::Postgres { statement_timeout_ms: 50, ..database.config() };
    let pool = store::connect(&config).await.unwrap();
    let error = sqlx::query("select pg_sleep(60)").execute(&pool).await.unwrap_err();
    assert_eq!(store::sqlstate(&error).as_deref(), Some("57014"));
    assert_eq!(classify(&error), Fault::Transient);
}

#[tokio::test]
async fn a_process_that_froze_inside_a_transaction_does_not_hold_up_the_others() {
    let database = Database::create().await;
    let config = config::Postgres { statement_timeout_ms: 50, ..database.config() };
    let pool = store::connect(&config).await.unwrap();
    let mut frozen = pool.begin().await.unwrap();
    sqlx::query("lock table leads").execute(&mut *frozen).await.unwrap();
    sqlx::query("select count(*) from leads").execute(database.pool()).await.unwrap();
    let error = sqlx::query("select 1").execute(&mut *frozen).await.unwrap_err();
    assert_eq!(classify(&error), Fault::Unavailable, "{error}");
}

#[tokio::test]
async fn a_lock_that_is_held_long_is_nobodys_fault() {
    let database = Database::create().await;
    let mut holder = database.pool().begin().await.unwrap();
    sqlx::query("lock table leads in access exclusive mode").execute(&mut *holder).await.unwrap();
    let config = config::Postgres { statement_timeout_ms: 200, ..database.config() };
    let pool = store::connect(&config).await.unwrap();
    let error = sqlx::query("select 1 from leads").execute(&pool).await.unwrap_err();
    assert_eq!(store::sqlstate(&error).as_deref(), Some("55P03"));
    assert_eq!(classify(&error), Fault::Unavailable);
}

#[tokio::test]
async fn a_connection_whose_server_is_gone_without_a_word_is_replaced() {
    let server = PostgresServer::start().await;
    let config = config::Postgres { connections_max: 1, acquire_timeout_ms: 500, ..server.config() };
    let pool = store::connect(&config).await.unwrap();
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // What a host that lost its power, or a broken route, looks like from here: silence.
    signal(backend, "STOP");
    let statement = sqlx::query("select 1").execute(&mut *connection);
    assert!(tokio::time::timeout(Duration::from_millis(200), statement).await.is_err());
    drop(connection);
    eventually("there is a connection again", Duration::from_secs(15), async || {
        sqlx::query("select 1").execute(&pool).await.ok()
    })
    .await;
    signal(backend, "CONT");
}

fn signal(process: i32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn a_database_that_lacks_its_tables_is_nobodys_fault() {
    let database = Database::create().await;
    sqlx::query("drop table leads").execute(database.pool()).await.unwrap();
    let error = sqlx::query("select 1 from leads").execute(database.pool()).await.unwrap_err();
    assert_eq!(classify(&error), Fault::Unavailable);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_being_shown() {
    for url in ["http://weir:hunter2@db/weir", "hunter2"] {
        let config = config::Postgres {
            url: Some(config::Secret::from(url)),
            ..config::Settings::for_tests().postgres
        };
        let error = format!("{:#}", store::connect(&config).await.unwrap_err());
        assert!(error.contains("postgres.url") && !error.contains("hunter2"), "{error}");
    }
}
