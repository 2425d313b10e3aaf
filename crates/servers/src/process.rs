//! A child process that never outlives its parent by accident.

mod remembered;
#[cfg(test)]
mod tests;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;

pub use remembered::{Remembered, Signal};

use crate::user::User;

/// A shell script, because ending a child when its parent is killed takes either one or unsafe code.
const GUARD: &str = include_str!("process/guard.sh");

/// How often a process is looked at while waiting for it.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// How long a child lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// At most as long as the process that started it, even if that is killed.
    WithParent,
    /// The same, and its data folder is removed when that process is killed, or ends without dropping it (statics).
    Ephemeral,
    /// Until somebody stops it; see [`Process::remember`].
    Detached,
}

/// A process to be started.
#[derive(Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    log: PathBuf,
    directory: Option<PathBuf>,
    user: Option<User>,
    stop: Signal,
    grace: Duration,
    data: PathBuf,
    life: Life,
}

impl Launch {
    /// A process called `name` in messages, whose output is appended to the file `log`.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            log: log.into(),
            directory: None,
            user: None,
            stop: Signal::Term,
            grace: Duration::from_secs(10),
            data: PathBuf::new(),
            life: Life::WithParent,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment, on top of ours.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Its working directory; ours if not set.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The signal that stops it in good order, and how long that may take before it is killed.
    #[must_use]
    pub fn stopped_by(mut self, stop: Signal, grace: Duration) -> Self {
        self.stop = stop;
        self.grace = grace;
        self
    }

    /// How long it lives.
    #[must_use]
    pub fn life(mut self, life: Life) -> Self {
        self.life = life;
        self
    }

    /// Its data folder; see [`Life::Ephemeral`].
    #[must_use]
    pub(crate) fn data(mut self, folder: &Path) -> Self {
        self.data = folder.to_path_buf();
        self
    }

    /// Runs it as another user; only root can.
    #[must_use]
    pub(crate) fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Starts it. A program that cannot be executed shows as a process that has ended, with the reason in its log.
    pub fn start(self) -> anyhow::Result<Process> {
        let log_start = fs::metadata(&self.log).map_or(0, |log| log.len());
        let (mut guard, pid) = self.spawn().with_context(|| format!("cannot start {}", self.name))?;
        if self.life == Life::Detached {
            guard.wait().context("the launcher shell did not end")?;
        }
        Ok(Process {
            guard: (self.life != Life::Detached).then_some(guard),
            remembered: Remembered::new(self.name, pid, self.stop, self.grace),
            log: self.log,
            log_start,
        })
    }

    fn spawn(&self) -> anyhow::Result<(Child, u32)> {
        let mut command = Command::new("sh");
        let mode = match self.life {
            Life::WithParent | Life::Ephemeral => "attached",
            Life::Detached => "detached",
        };
        command
            // The script itself travels in the environment, so that a list of processes stays readable.
            .env("GUARD", GUARD)
            .args(["-c", "eval \"$GUARD\"", "guard", mode, self.stop.word()])
            .arg(self.grace.as_secs().max(1).to_string())
            .arg(if self.life == Life::Ephemeral { self.data.as_path() } else { Path::new("") })
            .arg(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(append(&self.log)?)
            // A group of its own: Ctrl-C on the terminal must reach only us.
            .process_group(0);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some(user) = &self.user {
            // This drops root's supplementary groups as well.
            command.uid(user.uid).gid(user.gid);
        }
        let mut guard = command.spawn()?;
        let stdout = guard.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let pid = line.trim().parse().context("the launcher shell named no process")?;
        Ok((guard, pid))
    }
}

/// A running child. Dropping it stops it in good order, unless it is detached.
#[derive(Debug)]
pub struct Process {
    guard: Option<Child>,
    remembered: Remembered,
    log: PathBuf,
    /// Where its part of the log begins: the file goes on from one run to the next.
    log_start: u64,
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.remembered.pid
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.remembered.name
    }

    /// The file its output goes to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last `lines` lines that it wrote.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, self.log_start, lines)
    }

    /// What another process needs to find and stop it.
    pub fn remember(&self) -> Remembered {
        self.remembered.clone()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        match &mut self.guard {
            Some(guard) => !matches!(guard.try_wait(), Ok(None)),
            None => !self.remembered.is_alive(),
        }
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&mut self, signal: Signal) {
        if !self.has_ended() {
            self.remembered.signal(signal);
        }
    }

    /// Stops it in good order; kills it when its grace has passed. Says whether it went by itself.
    pub fn stop(&mut self) -> bool {
        self.signal(self.remembered.stop);
        // A paused process would not hear the signal.
        self.signal(Signal::Cont);
        let orderly = self.ends_within(self.remembered.grace());
        if !orderly {
            self.kill();
        }
        orderly
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::Kill);
        self.ends_within(Duration::from_secs(10));
    }

    /// Waits until it has ended, at most `limit`.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.stop();
        }
    }
}

/// The last `lines` lines of a file after its byte `start`; empty when it cannot be read.
fn tail(file: &Path, start: u64, lines: usize) -> String {
    let read = || {
        let mut bytes = Vec::new();
        let mut file = File::open(file)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let text = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

fn append(file: &Path) -> anyhow::Result<File> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))
}
