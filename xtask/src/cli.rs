//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, chaos, check, down, prepare, schema, test, tools, up};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask up                 everything, running here, until Ctrl-C
  cargo xtask up --detach        the same in the background; `cargo xtask down` stops it
  source .weir/env               the addresses that `up` chose, for your shell
  cargo xtask test               what CI runs
  cargo xtask test poison        the tests with \"poison\" in their names";

/// Developer commands of Weir. Whatever they need beside Rust and Python they find or install.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build and start everything: broker, database, services; send sample traffic; stop it all on Ctrl-C.
    Up(up::Args),
    /// Stop what `up` started.
    Down,
    /// Check formatting and lints, build, and run every test; what CI runs.
    Test(test::Args),
    /// Measure how fast Weir is beside the limits of its parts. Builds for speed first, which takes a while.
    Bench(bench::Args),
    /// Kill everything at random while events flow, then look for each of them.
    Chaos(chaos::Args),
    /// Check formatting, lints and generated files, without running tests.
    Check,
    /// Renew crates/store/.sqlx, the descriptions of the SQL queries, against a real database.
    Prepare(prepare::Args),
    /// Renew the JSON Schema of the configuration file.
    Schema(schema::Args),
    /// Find nats-server and PostgreSQL, or install them.
    Tools,
}

impl Verb {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => up::run(&args),
            Self::Down => down::run(),
            Self::Test(args) => Ok(test::run(&args)),
            Self::Bench(args) => bench::run(&args),
            Self::Chaos(args) => chaos::run(&args),
            Self::Check => Ok(check::run()),
            Self::Prepare(args) => prepare::run(&args),
            Self::Schema(args) => schema::run(&args),
            Self::Tools => tools::run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
