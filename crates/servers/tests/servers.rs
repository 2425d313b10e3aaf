//! Real servers, started and started again.
#![cfg(test)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use servers::{Durability, Life, Nats, NatsOptions, Postgres, PostgresBin, PostgresOptions, Signal, Tools};

fn postgres_options(folder: &Path) -> PostgresOptions {
    PostgresOptions {
        directory: folder.join("postgres"),
        log: folder.join("postgres.log"),
        port: None,
        durability: Durability::Throwaway,
        password: Some("correct-horse".to_owned()),
        life: Life::WithParent,
    }
}

fn sql(server: &PostgresBin, url: &str, statement: &str) -> Result<String, String> {
    let output = Command::new(server.folder.join("psql"))
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn postgres_keeps_its_data_and_its_port_over_an_immediate_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tools::of_repository().postgres().unwrap();
    let mut options = postgres_options(folder.path());
    let mut postgres = Postgres::start(&server, &options).unwrap();
    sql(&server, &postgres.url(), "create table kept as select 42 as answer").unwrap();
    postgres.process().signal(Signal::Quit);
    assert!(postgres.process().ends_within(std::time::Duration::from_secs(10)));

    options.port = Some(postgres.port());
    let again = Postgres::start(&server, &options).unwrap();
    assert_eq!(sql(&server, &again.url(), "select answer from kept"), Ok("42".to_owned()));
    assert_eq!(again.url(), postgres.url());
}

#[test]
fn postgres_asks_for_the_password_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tools::of_repository().postgres().unwrap();
    let postgres = Postgres::start(&server, &postgres_options(folder.path())).unwrap();
    assert_eq!(sql(&server, &postgres.url(), "select 1"), Ok("1".to_owned()));
    let error = sql(&server, &postgres.url().replace("correct", "wrong"), "select 1").unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
}

/// Meaningful when run as root, whose home no other user may enter; any other user keeps the folder.
#[test]
fn postgres_starts_below_a_folder_that_its_user_may_not_enter() {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let server = Tools::of_repository().postgres().unwrap();
    let postgres = Postgres::start(&server, &postgres_options(&closed)).unwrap();
    assert_eq!(sql(&server, &postgres.url(), "select 1"), Ok("1".to_owned()));
    let place = postgres.directory().to_path_buf();
    drop(postgres);
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_port_that_is_taken_is_told_with_the_servers_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = NatsOptions {
        directory: folder.path().to_path_buf(),
        log: folder.path().join("nats.log"),
        port: Some(taken.local_addr().unwrap().port()),
        life: Life::WithParent,
    };
    let error = Nats::start(&Tools::of_repository().nats_server().unwrap(), &options).unwrap_err();
    assert!(error.to_string().contains("address already in use"), "{error}");
}

#[test]
fn nats_runs_with_the_settings_that_are_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let options = NatsOptions {
        directory: folder.path().join("a folder with spaces"),
        log: folder.path().join("nats.log"),
        port: None,
        life: Life::WithParent,
    };
    let mut nats = Nats::start(&Tools::of_repository().nats_server().unwrap(), &options).unwrap();
    let store = options.directory.join("store/jetstream");
    assert!(store.is_dir(), "{}", nats.process().log_tail(40));
    assert!(nats.process().stop(), "nats-server did not stop by itself");
}
