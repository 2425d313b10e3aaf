//! `weir-bench`: how fast Weir is beside the limits of its parts. Started by `cargo xtask bench`, which builds it.
//!
//! Everything runs in one go on one machine, so that its ratios mean something where its absolute values do not.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "measurements are rounded to a few digits anyway"
)]

mod cases;
mod floor;
mod load;
mod machine;
mod process;
mod report;
mod traffic;

use std::{path::PathBuf, time::Duration};

use clap::Parser as _;

use crate::{cases::Plan, machine::Machine, report::Report};

/// Measures Weir beside the limits of its parts.
#[derive(Debug, clap::Parser)]
#[command(name = "weir-bench", version)]
enum Cli {
    /// Run the benchmark.
    Run(Args),
    /// Serve one of the floors that the edge is compared with, until killed.
    #[command(hide = true)]
    Floor(floor::Args),
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Fewer and shorter cases: under three minutes.
    #[arg(long)]
    quick: bool,
    /// Only the cases whose group has this name: floor, jetstream, lazy, edge, postgres, drain, steady, start.
    #[arg(long, value_name = "GROUP")]
    only: Vec<String>,
    /// Seconds of each case [default: 5, with --quick 2].
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Folder of the results.
    #[arg(long, default_value = "target/bench", value_name = "FOLDER")]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    // async-nats wants one although nothing here is encrypted.
    rustls::crypto::ring::default_provider().install_default().ok();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli {
            Cli::Floor(args) => floor::serve(&args).await,
            Cli::Run(args) => run(args).await,
        }
    })
}

async fn run(args: Args) -> anyhow::Result<()> {
    let seconds = args.seconds.unwrap_or(if args.quick { 2 } else { 5 });
    let plan = Plan { quick: args.quick, only: args.only, period: Duration::from_secs(seconds) };
    let machine = Machine::new()?;
    let mut report = Report::new(&machine, &plan);
    let result = cases::run(&plan, &machine, &mut report).await;
    // What was measured before a case failed is worth showing.
    report.write(&args.out)?;
    result
}
