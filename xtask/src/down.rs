//! `cargo xtask down`: stops what `up` started, wherever that was started.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;

use crate::{console::say, local::Local, state::State};

/// Longer than all the graces of a system together.
const SUPERVISOR_STOPS_WITHIN: Duration = Duration::from_mins(2);

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let local = Local::open()?;
    let Some(state) = State::load(&local) else {
        say("Weir is not running");
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(supervisor) = state.live_supervisor() {
        say(&format!("stopping the `up` that runs as process {}", supervisor.pid));
        supervisor.signal(supervisor.stop);
        if !supervisor.ends_within(SUPERVISOR_STOPS_WITHIN) {
            bail!("process {} does not stop: kill it, and what it started goes with it", supervisor.pid);
        }
        say("Weir has stopped");
        return Ok(ExitCode::SUCCESS);
    }
    let was_running = state.stop_processes();
    State::forget(&local)?;
    say(if was_running { "Weir has stopped" } else { "Weir is not running" });
    Ok(ExitCode::SUCCESS)
}
