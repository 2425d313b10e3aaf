//! A private PostgreSQL.

mod cluster;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{Launch, Life, PostgresBin, Process, Signal, port, process::POLL, user::User};
use cluster::Cluster;

/// After a crash the log is replayed before connections are taken.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long a fast shutdown, with its checkpoint, may take.
const GRACE: Duration = Duration::from_secs(15);

/// The role and the database that everything of Weir uses.
const NAME: &str = "weir";

/// What a crash of the machine may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Durable,
    /// Everything, for tests, which throw the data away. A crash of the server alone still costs nothing.
    Throwaway,
}

/// Where and how to start PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The folder of its data. When we are root and PostgreSQL's user cannot reach it, one under the system's folder for
    /// temporary files takes its place.
    pub directory: PathBuf,
    /// The file its log is appended to.
    pub log: PathBuf,
    /// The port; `None`: a free one.
    pub port: Option<u16>,
    /// What a crash of the machine may cost.
    pub durability: Durability,
    /// Password of role `weir`; `None`: whoever is on this machine may connect.
    pub password: Option<String>,
    /// How long it lives.
    pub life: Life,
}

/// A running PostgreSQL with role and database `weir`.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    cluster: Cluster,
    password: Option<String>,
    port: u16,
}

impl Postgres {
    /// Creates the data folder if there is none, starts the server and waits until it takes connections.
    pub fn start(server: &PostgresBin, options: &PostgresOptions) -> anyhow::Result<Self> {
        Self::start_with(server, options, &[])
    }

    /// The same with more settings, `name=value`.
    pub fn start_with(
        server: &PostgresBin,
        options: &PostgresOptions,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let user = User::unprivileged()?;
        let cluster = Cluster::open(server, options, user)?;
        // Between the choice of a free port and its use somebody else may take it.
        for _ in 0..4 {
            let port = options.port.map_or_else(port::free, Ok)?;
            let process = launch(server, options, &cluster, port, more).start()?;
            let mut postgres =
                Self { process, cluster: cluster.clone(), password: options.password.clone(), port };
            match postgres.wait_until_ready(server) {
                Ok(()) => {
                    postgres.create_database(server)?;
                    return Ok(postgres);
                }
                Err(_)
                    if options.port.is_none()
                        && postgres.process.log_tail(5).contains("Address already in use") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("PostgreSQL lost its port four times: see {}", options.log.display())
    }

    /// `postgres://weir…@127.0.0.1:PORT/weir`
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// The same for another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}")).unwrap_or_default();
        format!("postgres://{NAME}{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the data really is; see [`PostgresOptions::directory`].
    pub fn directory(&self) -> &Path {
        self.cluster.directory()
    }

    /// The process, to stop, kill or pause it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The process alone, when nothing else is needed any more.
    pub fn into_process(self) -> Process {
        self.process
    }

    /// Freezes it: connections stay open and nobody answers.
    pub fn pause(&self) {
        self.process.remember().pause();
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.process.remember().resume();
    }

    fn wait_until_ready(&mut self, server: &PostgresBin) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let ready = self.client(server, "pg_isready").args(["-q", "-d", "postgres"]).status();
            if self.process.has_ended() {
                let log = self.process.log().display();
                bail!("PostgreSQL ended at once (see {log}): {}", self.process.log_tail(1));
            }
            if ready.context("cannot run pg_isready")?.success() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "PostgreSQL takes no connections after {} seconds: see {}",
            READY_WITHIN.as_secs(),
            self.process.log().display()
        )
    }

    fn create_database(&self, server: &PostgresBin) -> anyhow::Result<()> {
        let created = self.client(server, "createdb").args(["--maintenance-db=postgres", NAME]).output()?;
        let error = String::from_utf8_lossy(&created.stderr);
        if created.status.success() || error.contains("already exists") {
            return Ok(());
        }
        bail!("cannot create database {NAME}: {}", error.trim())
    }

    /// One of PostgreSQL's client programs, for this server and deaf to the caller's own `PG…` variables.
    fn client(&self, server: &PostgresBin, program: &str) -> Command {
        let mut command = Command::new(server.program(program));
        cluster::without_pg_variables(&mut command);
        command
            .args(["-h", "127.0.0.1", "-U", NAME, "-p", &self.port.to_string()])
            .envs(self.password.as_ref().map(|password| ("PGPASSWORD", password)))
            .stdin(Stdio::null());
        command
    }
}

fn launch(
    server: &PostgresBin,
    options: &PostgresOptions,
    cluster: &Cluster,
    port: u16,
    more: &[&str],
) -> Launch {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        // No socket files: their path may be too long, and nothing of ours needs them.
        "unix_socket_directories=".to_owned(),
        "max_connections=300".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
    ];
    if options.durability == Durability::Throwaway {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings.extend(more.iter().map(|&setting| setting.to_owned()));
    Launch::new("PostgreSQL", server.program("postgres"), &options.log)
        .args(["-D".as_ref(), cluster.data().as_os_str()])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .env("LC_ALL", "C")
        .directory(cluster.directory())
        .user(cluster.user().cloned())
        .stopped_by(Signal::Int, GRACE)
        .data(cluster.directory())
        .life(options.life)
}
