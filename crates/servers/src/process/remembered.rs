//! A process known by its id and by something that tells it from a later process with the same id.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::{Pid, kill_process};
use serde::{Deserialize, Serialize};

use super::POLL;

/// A signal we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Stop in good order.
    Term,
    /// Stop in good order (PostgreSQL: at once, closing connections).
    Int,
    /// Stop without order (PostgreSQL: immediate shutdown, recovery at the next start).
    Quit,
    /// End now.
    Kill,
    /// Pause.
    Stop,
    /// Go on.
    Cont,
}

impl Signal {
    /// Its name for `kill -s`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }

    const fn number(self) -> rustix::process::Signal {
        match self {
            Self::Term => rustix::process::Signal::TERM,
            Self::Int => rustix::process::Signal::INT,
            Self::Quit => rustix::process::Signal::QUIT,
            Self::Kill => rustix::process::Signal::KILL,
            Self::Stop => rustix::process::Signal::STOP,
            Self::Cont => rustix::process::Signal::CONT,
        }
    }
}

/// A process that may have been started by another process, or before a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Its name in messages.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// The signal that stops it in good order.
    pub stop: Signal,
    grace_seconds: u64,
    /// When it started, in words of the system: process ids are used again, and a stranger must not be signalled.
    birth: Option<String>,
}

impl Remembered {
    pub(super) fn new(name: String, pid: u32, stop: Signal, grace: Duration) -> Self {
        Self { name, pid, stop, grace_seconds: grace.as_secs().max(1), birth: birth(pid) }
    }

    /// The calling process itself.
    pub fn this(name: &str, grace: Duration) -> Self {
        Self::new(name.to_owned(), std::process::id(), Signal::Term, grace)
    }

    /// How long an orderly stop may take.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }

    /// Whether it still runs: this very process, not another one that got its id.
    pub fn is_alive(&self) -> bool {
        self.birth.is_some() && birth(self.pid) == self.birth
    }

    /// Sends a signal if it still runs.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid
            && self.is_alive()
        {
            // It may end between the check and the signal; then there is nothing to do.
            kill_process(pid, signal.number()).ok();
        }
    }

    /// Freezes it, and waits until all of it is frozen: a signal is only queued, and a server may answer one more request.
    pub fn pause(&self) {
        self.signal(Signal::Stop);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.is_alive() && !is_paused(self.pid) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.signal(Signal::Cont);
    }

    /// Stops it in good order; kills it when its grace has passed. Says whether it went by itself.
    pub fn stop(&self) -> bool {
        self.signal(self.stop);
        self.signal(Signal::Cont);
        let orderly = self.ends_within(self.grace());
        if !orderly {
            self.signal(Signal::Kill);
            self.ends_within(Duration::from_secs(10));
        }
        orderly
    }

    /// Waits until it has ended, at most `limit`.
    pub fn ends_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

/// When the process started; `None` if there is none, or only its exit status is left.
fn birth(pid: u32) -> Option<String> {
    if fs::exists("/proc/self/stat").unwrap_or(false) {
        birth_from_proc(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    } else {
        birth_from_ps(pid)
    }
}

/// Field 22 of `/proc/PID/stat`, ticks since boot, with the boot it belongs to. Field 2 may contain anything, so we
/// count from the last parenthesis.
fn birth_from_proc(stat: &str) -> Option<String> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let ticks = fields.nth(18)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (!matches!(state, "Z" | "X")).then(|| format!("{}:{ticks}", boot.trim()))
}

/// Whether every thread of the process is stopped.
fn is_paused(pid: u32) -> bool {
    let stopped =
        |stat: String| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'));
    match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(threads) => threads
            .filter_map(Result::ok)
            .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok())
            .all(stopped),
        Err(_) => Command::new("ps")
            .args(["-o", "state=", "-p", &pid.to_string()])
            .output()
            .is_ok_and(|output| output.stdout.trim_ascii().starts_with(b"T")),
    }
}

fn birth_from_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "state=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}
