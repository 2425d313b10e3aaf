//! A private nats-server.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{Launch, Life, NatsServer, Process, Signal, port, process::POLL};

/// The configuration that Weir ships; only addresses and folders are changed.
const CONFIG: &str = include_str!("../../../infra/nats/nats-server.conf");

/// A store that was not closed in good order is checked at the start, which may take a while.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long nats-server may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Where and how to start a nats-server.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The folder of its store and its configuration.
    pub directory: PathBuf,
    /// The file its log is appended to.
    pub log: PathBuf,
    /// The port for clients; `None`: a free one.
    pub port: Option<u16>,
    /// How long it lives.
    pub life: Life,
}

/// A running nats-server with the settings of `infra/nats/nats-server.conf`.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: u16,
    monitor_port: u16,
}

impl Nats {
    /// Starts it and waits until it answers.
    pub fn start(server: &NatsServer, options: &NatsOptions) -> anyhow::Result<Self> {
        Self::start_with(server, options, str::to_owned)
    }

    /// The same with another configuration, made of the shipped one by `edit`: a member of a cluster, or the limits of a
    /// server that promises less.
    pub fn start_with(
        server: &NatsServer,
        options: &NatsOptions,
        edit: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(&options.directory)
            .with_context(|| format!("cannot create {}", options.directory.display()))?;
        let config = options.directory.join("nats-server.conf");
        fs::write(&config, edit(CONFIG)).with_context(|| format!("cannot write {}", config.display()))?;
        // Between the choice of a free port and its use somebody else may take it.
        for _ in 0..4 {
            let (port, monitor_port) = (options.port.map_or_else(port::free, Ok)?, port::free()?);
            let process = launch(server, options, &config, port, monitor_port).start()?;
            let mut nats = Self { process, port, monitor_port };
            match nats.wait_until_ready() {
                Ok(()) => return Ok(nats),
                Err(_)
                    if options.port.is_none()
                        && nats.process.log_tail(5).contains("address already in use") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("nats-server lost its port four times: see {}", options.log.display())
    }

    /// `nats://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT`, where `/healthz`, `/varz` and `/jsz` are.
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor_port)
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
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

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let greeted = greeting(self.port).is_some();
            if self.process.has_ended() {
                let log = self.process.log().display();
                bail!("nats-server ended at once (see {log}): {}", self.process.log_tail(1));
            }
            if greeted {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "nats-server does not answer after {} seconds: see {}",
            READY_WITHIN.as_secs(),
            self.process.log().display()
        )
    }
}

fn launch(server: &NatsServer, options: &NatsOptions, config: &Path, port: u16, monitor_port: u16) -> Launch {
    // The value is parsed as a value of the configuration file, hence the quotes.
    let store = format!("\"{}\"", options.directory.join("store").display());
    Launch::new("nats-server", &server.binary, &options.log)
        .args(["--config".as_ref(), config.as_os_str()])
        .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
        .args(["--http_port", &monitor_port.to_string()])
        .env("WEIR_NATS_STORE", store)
        .stopped_by(Signal::Term, GRACE)
        .data(&options.directory)
        .life(options.life)
}

/// The `INFO` line with which a NATS server greets.
fn greeting(port: u16) -> Option<serde_json::Value> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    serde_json::from_str(line.strip_prefix("INFO ")?).ok()
}
