//! One of our programs, running.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use testkit::eventually;
use tokio::process::{Child, Command};

use crate::DEADLINE;

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `name` with nothing but `environment` (and the PATH); its output goes to a file in `folder`.
    pub fn start(name: &'static str, folder: &Path, environment: &[(String, String)]) -> Self {
        let log = (0..1000).map(|n| folder.join(format!("{name}-{n}.log"))).find(|log| !log.exists());
        let log = log.expect("no test starts a thousand processes");
        let output = File::create(&log).expect("the test's folder takes a log file");
        let errors = output.try_clone().expect("a file can be shared");
        let child = Command::new(binary(name))
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name, child, log }
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The address that its log says it answers on.
    pub async fn address(&mut self) -> String {
        eventually("it says on which address it answers", DEADLINE, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            self.log().lines().find_map(address_in)
        })
        .await
    }

    /// Whether its log says that it answers.
    pub fn is_answering(&self) -> bool {
        self.log().lines().any(|line| address_in(line).is_some())
    }

    /// The program.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it runs no more.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        id.expect("the process has not been waited for")
    }

    /// Resident memory, bytes.
    pub fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero()))
            .unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or_default() * 1024
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("the process is ours");
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process is ours");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("{} does not end:\n{}", self.name, self.log()))
            .expect("it can be waited for")
    }
}

/// The value of `address` in a line of JSON.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("\"address\":\"")?;
    rest.split_once('"').map(|(address, _)| address.to_owned())
}

/// Where cargo put a program of this workspace: beside the program that runs, or beside the folder of a test.
pub fn binary(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("a running program has a path");
    let folder = running.parent().expect("a program is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    let binary = folder.expect("tests run from target/<profile>/deps").join(name);
    assert!(
        binary.exists(),
        "{name} is not built: run `cargo xtask test`, or `cargo build --workspace --bins` first"
    );
    binary
}
