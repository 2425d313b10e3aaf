//! What `up` started, written down so that another `up` or a `down` finds it, also after a crash.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use servers::Remembered;

use crate::{
    console::status,
    local::{Local, write_private},
    settings::Settings,
};

/// What runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The `up` that watches over it; `None` once it runs detached.
    pub(crate) supervisor: Option<Remembered>,
    /// The processes, in the order in which they are stopped.
    pub(crate) processes: Vec<Remembered>,
    /// Where it is; `None` until it is ready.
    pub(crate) addresses: Option<Addresses>,
}

/// Where everything is.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) nats_url: String,
    /// Monitoring of a private nats-server.
    pub(crate) nats_monitoring_url: Option<String>,
    pub(crate) database_url: String,
    pub(crate) edge_url: String,
    /// What Weir's processes are told beside these; without what comes from files that we do not read.
    pub(crate) settings: Settings,
    /// Addresses where a service tells how it is, by service.
    pub(crate) probes: BTreeMap<String, String>,
    /// Folder of the programs that run.
    pub(crate) programs: String,
}

impl State {
    /// What was written down, if anything.
    pub(crate) fn load(local: &Local) -> Option<Self> {
        let text = fs::read_to_string(local.state_file()).ok()?;
        // A state of another version is as good as none: what it knew of dies with its parent or is found by its port.
        serde_json::from_str(&text).ok()
    }

    /// Writes it down.
    pub(crate) fn save(&self, local: &Local) -> anyhow::Result<()> {
        write_private(&local.state_file(), &serde_json::to_string_pretty(self)?)
    }

    /// Forgets it, and the addresses that are no longer true.
    pub(crate) fn forget(local: &Local) -> anyhow::Result<()> {
        for file in [local.state_file(), local.env_file()] {
            if fs::exists(&file)? {
                fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        Ok(())
    }

    /// The `up` that watches over it, if that is alive.
    pub(crate) fn live_supervisor(&self) -> Option<&Remembered> {
        self.supervisor.as_ref().filter(|supervisor| supervisor.is_alive())
    }

    /// Whether it runs detached, all of it.
    pub(crate) fn runs_detached(&self) -> bool {
        self.supervisor.is_none()
            && self.addresses.is_some()
            && self.processes.iter().all(Remembered::is_alive)
    }

    /// Stops the processes, in order, with a line for each. Says whether there was any.
    pub(crate) fn stop_processes(&self) -> bool {
        let mut any = false;
        for process in self.processes.iter().filter(|process| process.is_alive()) {
            any = true;
            let orderly = process.stop();
            status(&process.name, if orderly { "stopped" } else { "killed, it did not stop in time" });
        }
        any
    }
}
