//! Ctrl-C and SIGTERM.

use std::{
    process::{Child, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// How often we look.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// Whether we were asked to stop. By default nobody asks, and a signal does what it always does: ends the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on the first signal is noted; another one, a second or more later, ends the process at once and its
    /// children with it. Not sooner: `timeout` and others send the same signal to a process and to its group.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let (asked, impatient) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&impatient))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .context("cannot listen for signals")?;
        }
        let interrupt = Self(asked);
        let watched = interrupt.clone();
        std::thread::spawn(move || {
            while !watched.is_asked() {
                std::thread::sleep(POLL);
            }
            std::thread::sleep(Duration::from_secs(1));
            impatient.store(true, Ordering::Relaxed);
        });
        Ok(interrupt)
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if a signal came.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.is_asked() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Waits for a child; ends it and fails if a signal comes first.
    pub(crate) fn wait(&self, child: &mut Child) -> anyhow::Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                self.check()?;
                return Ok(status);
            }
            if self.is_asked() {
                child.kill().ok();
                child.wait().ok();
                bail!("interrupted");
            }
            std::thread::sleep(POLL);
        }
    }
}
