//! `cargo xtask bench`: how fast Weir is beside the limits of its parts.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use crate::{build, environment, interrupt::Interrupt, steps, tools};

/// What is measured, and what measures it.
const PACKAGES: [&str; 7] = ["bench", "brightdata", "c2s", "dead-letters", "edge", "instagram", "zapier"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fewer and shorter cases: under three minutes, once it is built.
    #[arg(long)]
    quick: bool,
    /// Only these groups: floor, jetstream, lazy, edge, postgres, drain, steady, start.
    #[arg(long, value_name = "GROUP")]
    only: Vec<String>,
    /// Seconds of each case.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (nats, postgres) = tools::both()?;
    let interrupt = Interrupt::install()?;
    let programs = build::released(&PACKAGES, &interrupt)?;
    let mut command = Command::new(programs.get("weir-bench")?);
    command.arg("run").current_dir(servers::repository());
    // Beside what was built, wherever that is.
    if let Some(target) = programs.get("weir-bench")?.parent().and_then(Path::parent) {
        command.arg("--out").arg(target.join("bench"));
    }
    if args.quick {
        command.arg("--quick");
    }
    command.args(args.only.iter().flat_map(|group| ["--only", group]));
    command.args(args.seconds.iter().flat_map(|seconds| ["--seconds".to_owned(), seconds.to_string()]));
    environment::without_settings(&mut command);
    command.env("WEIR_NATS_SERVER", &nats.binary).env("WEIR_POSTGRES_BIN", &postgres.folder);
    steps::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
