//! `weir-simulators`: the outside systems as a program, for `cargo xtask up` and for trying things by hand.

mod program;

use clap::Parser as _;

use crate::program::{serve, traffic};

/// Plays the outside systems that Weir works with. For developers; nothing of it belongs on a production machine.
#[derive(Debug, clap::Parser)]
#[command(name = "weir-simulators", version)]
enum Cli {
    /// Serve every API until killed. Prints their addresses as one line of JSON.
    Serve(Box<serve::Args>),
    /// Send every kind of event of the providers to an edge, once.
    Traffic(traffic::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse() {
        Cli::Serve(args) => serve::run(*args).await,
        Cli::Traffic(args) => traffic::run(&args).await,
    }
}
