//! `cargo xtask test`: everything that must pass.

use std::process::{Command, ExitCode};

use servers::{NatsServer, PostgresBin};

use crate::{
    build::{self, cargo},
    check,
    console::say,
    environment,
    steps::{self, Steps},
    tools,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only the tests with this in their names, and no checks.
    filter: Option<String>,
    /// Leave out the end-to-end tests.
    #[arg(long)]
    no_e2e: bool,
    /// Arguments for the test programs, such as `--nocapture`.
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let mut steps = Steps::default();
    let mut tools = None;
    let found = steps.run("tools", || {
        tools = Some(tools::both()?);
        Ok(())
    });
    let (true, Some((nats, postgres))) = (found, tools) else {
        return steps.finish();
    };
    let everything = args.filter.is_none();
    if everything {
        check::formatting(&mut steps);
    }
    // The programs are started by the end-to-end tests, so they are built before any test runs.
    if !steps.run("build", || steps::run(cargo().args(build::arguments(false)))) {
        return steps.finish();
    }
    if everything {
        check::lints(&mut steps);
        check::generated(&mut steps);
        check::documentation(&mut steps);
    }
    steps.run("tests", || steps::run(&mut tests(args, &nats, &postgres)));
    if !everything {
        say("\nonly some tests were run, and no checks");
    }
    steps.finish()
}

fn tests(args: &Args, nats: &NatsServer, postgres: &PostgresBin) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if args.no_e2e {
        command.args(["--exclude", "e2e"]);
    }
    command.args(&args.filter).arg("--").args(&args.rest);
    environment::without_settings(&mut command);
    // Found once: the tests do not search again.
    command.env("WEIR_NATS_SERVER", &nats.binary);
    command.env("WEIR_POSTGRES_BIN", &postgres.folder);
    command
}
