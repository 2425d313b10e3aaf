//! The real binary, with its settings from the environment.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use bus::Topology;
use reqwest::RequestBuilder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::{Broker, eventually};

use crate::harness::{LEAD, PATH, SECRET, SOON, client};

pub(crate) struct Binary {
    child: Child,
    pub(crate) address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

/// The command that starts it, on any free port.
pub(crate) fn command(broker: &str, settings: &[(&str, &str)]) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_weir-edge")), broker, settings)
}

/// The same, where `ulimit` (its options and numbers) bounds the process.
pub(crate) fn command_within(ulimit: &str, broker: &str, settings: &[(&str, &str)]) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("ulimit {ulimit} && exec '{}'", env!("CARGO_BIN_EXE_weir-edge"))]);
    configured(shell, broker, settings)
}

fn configured(mut command: Command, broker: &str, settings: &[(&str, &str)]) -> Command {
    command
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("WEIR_LOG__FORMAT", "json")
        .env("WEIR_NATS__URLS", broker)
        .env("WEIR_EDGE__LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Binary {
    /// Starts it and waits until it says where it listens.
    pub(crate) async fn start(broker: &Broker, settings: &[(&str, &str)]) -> Self {
        Self::run(broker, command(broker.url(), settings)).await
    }

    /// The same with a command of the caller's making.
    pub(crate) async fn run(broker: &Broker, mut command: Command) -> Self {
        let bus = bus::connect(&broker.config(), "edge-test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let mut child = command.env("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        // Reads to the end: the process would block on a full pipe.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        let address = eventually("the edge says where it listens", SOON, async || {
            let lines = lines.lock().unwrap();
            assert!(child.try_wait().unwrap().is_none(), "it did not start: {lines:#?}");
            lines.iter().find_map(|line| listening(line))
        })
        .await;
        Self { child, address, lines }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A POST of a lead with this token.
    pub(crate) fn post(&self, token: &str) -> RequestBuilder {
        client().post(self.url(PATH)).header("X-Webhook-Token", token).body(LEAD)
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        eventually("the process ends", SOON, async || self.child.try_wait().unwrap()).await
    }

    /// Everything that it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// What the kernel says of it.
    pub(crate) fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Most memory it ever had, in KiB.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    (fields["message"] == "edge listening").then(|| fields["address"].as_str().unwrap().parse().unwrap())
}

/// The status of the answer.
pub(crate) async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}
