//! `cargo xtask`: what developers and CI run. See `cargo xtask --help`.

mod bench;
mod build;
mod chaos;
mod check;
mod cli;
mod console;
mod down;
mod environment;
mod interrupt;
mod local;
mod prepare;
mod schema;
mod services;
mod settings;
mod state;
mod steps;
mod test;
mod tools;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().verb.run().unwrap_or_else(|error| {
        console::error(&error);
        ExitCode::FAILURE
    })
}
