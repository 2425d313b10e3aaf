//! `cargo xtask up`: everything, running, with addresses to try.

mod curls;
mod plan;
mod ready;
mod report;
mod system;

use std::process::ExitCode;

use anyhow::bail;

use crate::{
    build,
    console::say,
    interrupt::{Interrupt, POLL},
    local::Local,
    state::State,
};
use plan::Plan;
use system::System;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave everything running in the background; `cargo xtask down` stops it.
    #[arg(long)]
    detach: bool,
    /// Build with optimizations.
    #[arg(long)]
    release: bool,
    /// Port of the edge [default: the one in `WEIR_EDGE__LISTEN`, else 8000].
    #[arg(long, value_name = "PORT")]
    edge_port: Option<u16>,
    /// Port of the console; of no effect until there is one.
    #[arg(long, value_name = "PORT")]
    console_port: Option<u16>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let local = Local::open()?;
    // Held until we end.
    let Some(_lock) = local.lock()? else {
        return already_running(&local);
    };
    if let Some(state) = State::load(&local) {
        if state.runs_detached() {
            return already_running(&local);
        }
        say("cleaning up what an earlier `up` left behind");
        state.stop_processes();
        State::forget(&local)?;
    }
    let interrupt = Interrupt::install()?;
    let plan = Plan::new(args, &local)?;
    let programs = build::programs(args.release, &interrupt)?;
    let mut system = System::start(&plan, &local, &programs, &interrupt)?;
    report::ready(&system.addresses, &local)?;
    if args.detach {
        system.leave_running()?;
        say("Weir runs in the background; `cargo xtask down` stops it");
        return Ok(ExitCode::SUCCESS);
    }
    say("Weir runs; Ctrl-C stops it");
    watch(&mut system, &interrupt)
}

/// Waits for Ctrl-C, or for the end of a process that should not end; then stops everything.
fn watch(system: &mut System<'_>, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let ended = loop {
        if interrupt.is_asked() {
            break None;
        }
        if let Some(ended) = system.find_ended() {
            break Some(ended);
        }
        std::thread::sleep(POLL);
    };
    if let Some(what) = &ended {
        say(what);
    }
    say("stopping");
    system.stop()?;
    Ok(if ended.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The second `up` says where the first one is.
fn already_running(local: &Local) -> anyhow::Result<ExitCode> {
    let Some(state) = State::load(local) else {
        bail!("another `cargo xtask up` is just starting");
    };
    let Some(addresses) = &state.addresses else {
        bail!("another `cargo xtask up` is starting or stopping: wait for it, or run `cargo xtask down`");
    };
    match state.live_supervisor() {
        Some(supervisor) => say(&format!("Weir is already running, started by process {}", supervisor.pid)),
        None => say("Weir is already running in the background; `cargo xtask down` stops it"),
    }
    report::addresses(addresses, local);
    Ok(ExitCode::SUCCESS)
}
