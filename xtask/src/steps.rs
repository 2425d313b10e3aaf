//! Steps that follow each other, with a header and a time for each, and a summary.

use std::{
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::console::say;

/// Steps and how they went.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    passed: bool,
    took: Duration,
}

impl Steps {
    /// Runs one. Its failure is told now and counted later: the steps after it may have something to say, too.
    pub(crate) fn run(&mut self, name: &'static str, work: impl FnOnce() -> anyhow::Result<()>) -> bool {
        say(&format!("\n== {name}"));
        let started = Instant::now();
        let result = work();
        if let Err(error) = &result {
            say(&format!("error: {error:#}"));
        }
        let passed = result.is_ok();
        self.0.push(Step { name, passed, took: started.elapsed() });
        passed
    }

    /// Prints the summary; the code of the process.
    pub(crate) fn finish(self) -> ExitCode {
        say("\n== summary");
        for Step { name, passed, took } in &self.0 {
            say(&format!(
                "  {name:<24} {} {:>7.1} s",
                if *passed { "ok    " } else { "FAILED" },
                took.as_secs_f32()
            ));
        }
        let total: Duration = self.0.iter().map(|step| step.took).sum();
        let failed: Vec<_> = self.0.iter().filter(|step| !step.passed).map(|step| step.name).collect();
        if failed.is_empty() {
            say(&format!("everything passed in {:.0} s", total.as_secs_f32()));
            ExitCode::SUCCESS
        } else {
            say(&format!("failed after {:.0} s: {}", total.as_secs_f32(), failed.join(", ")));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command whose output is for people, and fails if it does.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status().context("cannot run cargo")?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    bail!("`cargo {}` failed, see above", words.join(" "))
}
