//! `cargo xtask chaos`: the randomized test, for as long as one likes.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, ExitStatus},
};

use anyhow::Context as _;

use crate::{
    build,
    console::say,
    interrupt::{Interrupt, POLL},
    tools,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask chaos                              five minutes, a random seed
  cargo xtask chaos --minutes 60 --seed 4711     an hour; the seed decides what is sent and who is killed

Ctrl-C ends it early: nothing more is killed, and what was sent until then is looked for. A second one ends it at once.
Exit code 1: something was lost, doubled or unaccounted for; the report says what, and how to try again.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long things are killed.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Decides what is sent and who is killed; a random one if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Deliveries at one time.
    #[arg(long, default_value_t = 4)]
    senders: u16,
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
        .env("WEIR_POSTGRES_BIN", &postgres.folder)
        // A Ctrl-C is ours to pass on: what the test runs must not hear of it.
        .process_group(0);
    let status = wait(&interrupt, &mut command.spawn().context("cannot run weir-chaos")?)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for the test; a signal has it finish.
fn wait(interrupt: &Interrupt, child: &mut Child) -> anyhow::Result<ExitStatus> {
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.is_asked() && !told {
            told = true;
            say("");
            Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status()?;
        }
        std::thread::sleep(POLL);
    }
}

/// Different from run to run, and short enough to be typed again.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};

    RandomState::new().hash_one("chaos") % 1_000_000
}
