//! The long version of the randomized test; `cargo xtask chaos` builds everything and runs it.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use e2e::chaos::{self, Plan};
use tokio::signal::unix::SignalKind;

/// Kills everything at random while events flow, then looks for each of them.
#[derive(Debug, Parser)]
struct Args {
    /// How long things are killed, minutes.
    #[arg(long, value_parser = minutes)]
    minutes: f64,
    /// What decides the run.
    #[arg(long)]
    seed: u64,
    /// Deliveries at one time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    senders: u16,
    /// Where the report goes, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// The exit code of a run that was not finished.
const INTERRUPTED: u8 = 130;
/// A second signal counts from here on: `timeout` and others send one to a process and to its group.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=100_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("expected a number of minutes".to_owned()),
    }
}

/// Ctrl-C or SIGTERM.
async fn signalled() {
    let signal = |kind| async move {
        match tokio::signal::unix::signal(kind) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signal(SignalKind::interrupt()) => {}
        () = signal(SignalKind::terminate()) => {}
    }
}

/// A second signal, or the end of whoever started this.
async fn impatience() {
    let parent = rustix::process::getppid();
    let twice = async {
        signalled().await;
        tokio::time::sleep(ONE_SIGNAL).await;
        signalled().await;
    };
    let orphaned = async {
        while rustix::process::getppid() == parent {
            tokio::time::sleep(ONE_SIGNAL).await;
        }
    };
    tokio::select! {
        () = twice => {}
        () = orphaned => {}
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a command for people")]
async fn main() -> anyhow::Result<ExitCode> {
    let Args { minutes, seed, senders, report: file } = Args::parse();
    println!("seed {seed}, {minutes} minutes");
    let plan = Plan { seed, time: Duration::from_secs_f64(minutes * 60.0), senders: senders.into() };
    let asked = async {
        signalled().await;
        println!("finishing: nothing more is killed, and what was sent is looked for");
    };
    let report = tokio::select! {
        report = chaos::run(plan, asked) => report,
        // What runs dies with the future that holds it.
        () = impatience() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    println!("{report}");
    if let Some(file) = file {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        std::fs::write(&file, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("report: {}", file.display());
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
