//! The long version of the randomized test; `cargo xtask chaos` builds everything and runs it.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use e2e::chaos::{self, Plan};

/// Kills everything at random while events flow, then looks for each of them.
#[derive(Debug, Parser)]
struct Args {
    /// How long things are killed, minutes.
    #[arg(long)]
    minutes: f64,
    /// What decides the run.
    #[arg(long)]
    seed: u64,
    /// Deliveries at one time.
    #[arg(long, default_value_t = 4)]
    senders: usize,
    /// Where the report goes, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a command for people")]
async fn main() -> anyhow::Result<ExitCode> {
    let Args { minutes, seed, senders, report: file } = Args::parse();
    println!("seed {seed}, {minutes} minutes");
    let report = chaos::run(Plan { seed, time: Duration::from_secs_f64(minutes * 60.0), senders }).await;
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
