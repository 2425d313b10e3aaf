//! `cargo xtask chaos`: the randomized test, for as long as one likes.

use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::{build, console::say, interrupt::Interrupt, tools};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long things are killed, minutes.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Decides what is sent and who is killed; a random one if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Deliveries at one time.
    #[arg(long, default_value_t = 4)]
    senders: usize,
}

/// Builds everything, runs the test, and leaves its report in the local folder.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (nats, postgres) = tools::both()?;
    let interrupt = Interrupt::install()?;
    let programs = build::programs(false, &interrupt)?;
    let seed = args.seed.unwrap_or_else(random);
    let report = servers::local_dir().join("chaos").join(format!("{seed}.json"));
    let mut command = Command::new(programs.get("weir-chaos")?);
    command
        .args(["--minutes", &args.minutes.to_string(), "--seed", &seed.to_string()])
        .args(["--senders", &args.senders.to_string()])
        .arg("--report")
        .arg(&report)
        .env("WEIR_NATS_SERVER", &nats.binary)
        .env("WEIR_POSTGRES_BIN", &postgres.folder);
    let status = interrupt.wait(&mut command.spawn().context("cannot run weir-chaos")?)?;
    if !status.success() {
        say(&format!("\nagain: cargo xtask chaos --minutes {} --seed {seed}", args.minutes));
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Different from run to run, and short enough to be typed again.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};

    RandomState::new().hash_one("chaos") % 1_000_000
}
