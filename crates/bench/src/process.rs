//! What a process costs: CPU time, memory, and how long it takes to be ready.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use servers::{Launch, Process, Signal};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A service or a floor.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// From its start until `/readyz` answered 200.
    pub(crate) ready_after: Duration,
}

/// CPU seconds at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(f64);

impl Program {
    /// Starts a program that is beside this one, and waits until it is ready. `listen` is the setting for its address.
    pub(crate) async fn start(
        name: &str,
        listen: Listen<'_>,
        env: &[(&str, String)],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], servers::free_port()?));
        let mut launch = Launch::new(name, beside(name)?, folder.join(format!("{name}.log")))
            .directory(folder)
            .stopped_by(Signal::Term, Duration::from_secs(30))
            .env("RUST_BACKTRACE", "0");
        launch = match listen {
            Listen::Setting(setting) => launch.env(setting, address.to_string()),
            Listen::Flags(flags) => launch.args(flags).args(["--listen", &address.to_string()]),
        };
        for (name, value) in env {
            launch = launch.env(name, value);
        }
        let started = Instant::now();
        let mut process = launch.start()?;
        loop {
            if is_ready(address).await {
                break;
            }
            ensure!(!process.has_ended(), "{name} ended: {}", process.log_tail(5));
            ensure!(started.elapsed() < Duration::from_secs(30), "{name} is not ready");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Self { process, address, ready_after: started.elapsed() })
    }
}

/// How a program is told where to listen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Listen<'a> {
    /// By an environment variable.
    Setting(&'a str),
    /// By a flag after these.
    Flags(&'a [&'a str]),
}

/// CPU time of a process and of its children that are alive.
pub(crate) fn cpu(pids: &[u32]) -> Cpu {
    const TICKS_PER_SECOND: f64 = 100.0;
    let ticks = |pid: &u32| -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    Cpu(pids.iter().filter_map(ticks).sum::<u64>() as f64 / TICKS_PER_SECOND)
}

impl Cpu {
    /// Seconds from `earlier` to this.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }
}

/// A process and all below it.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(pid) = family.get(next).copied() {
        next += 1;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    family
}

/// The most memory that one of these processes ever had resident, MiB.
pub(crate) fn peak_memory_mib(pids: &[u32]) -> f64 {
    let peak = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0
    };
    pids.iter().map(peak).fold(0.0, f64::max)
}

fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.exists(), "{} is not built: run `cargo xtask bench`", program.display());
    Ok(program)
}

async fn is_ready(address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.context("connect")?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    tokio::time::timeout(Duration::from_secs(2), asking).await.is_ok_and(|ready| ready.unwrap_or(false))
}

/// Counts the fsyncs of some processes from its start on, where perf is installed and may look. It costs them nothing,
/// unlike strace.
#[derive(Debug)]
pub(crate) struct Fsyncs {
    child: Child,
    said: NamedTempFile,
}

impl Fsyncs {
    pub(crate) fn watch(pids: &[u32]) -> Option<Self> {
        let said = NamedTempFile::new().ok()?;
        let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync"]);
        command.arg("-p").arg(pids.join(",")).arg("-o").arg(said.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        Some(Self { child, said })
    }

    /// How many there were.
    pub(crate) fn count(mut self) -> Option<u64> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)?;
        rustix::process::kill_process(pid, rustix::process::Signal::INT).ok()?;
        self.child.wait().ok()?;
        let said = fs::read_to_string(self.said.path()).ok()?;
        let counts = said.lines().filter(|line| line.contains("sys_enter_"));
        let counts: Vec<u64> = counts.filter_map(|line| line.split(',').next()?.parse().ok()).collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }
}
