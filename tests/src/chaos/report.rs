//! What a run did and what came out.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::Serialize;

use super::{Plan, event::Kind, fault::Fault, traffic::Sent, verdict::Verdict};

/// What a run did and what came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Decides the run.
    pub seed: u64,
    /// How long things were to be killed, minutes.
    pub minutes: f64,
    /// Deliveries at one time.
    pub senders: usize,
    /// How long it took, seconds.
    pub seconds: u64,
    /// Of these, until everything was at rest after the last fault.
    pub settling_seconds: u64,
    /// Deliveries that were sent, and how often they had to be.
    pub deliveries: u64,
    /// POSTs.
    pub posts: u64,
    /// Events in deliveries that were answered 200.
    pub accepted: u64,
    /// Of these, to be completed at once.
    pub good: u64,
    /// Of these, to fail at first.
    pub flaky: u64,
    /// Of these, to become dead letters.
    pub doomed: u64,
    /// What was done, and how often.
    pub faults: BTreeMap<String, u64>,
    /// Dead letters of events with which nothing was wrong, which is allowed to a few.
    pub casualties: Vec<String>,
    /// Promises that did not hold.
    pub violations: Vec<String>,
    /// Where the logs are, if something did not hold.
    pub logs: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(
        plan: Plan,
        (took, settling): (Duration, Duration),
        faults: &[Fault],
        sent: &[Sent],
        verdict: Verdict,
        logs: Option<PathBuf>,
    ) -> Self {
        let accepted: Vec<Kind> = sent
            .iter()
            .filter(|sent| sent.is_accepted())
            .flat_map(|sent| sent.events.iter().map(|event| event.kind))
            .collect();
        let count = |of: fn(&Kind) -> bool| accepted.iter().filter(|kind| of(kind)).count() as u64;
        let mut by_name = BTreeMap::new();
        for fault in faults {
            let name: String = format!("{fault:?}").chars().take_while(|c| *c != '(').collect();
            *by_name.entry(name).or_default() += 1;
        }
        Self {
            seed: plan.seed,
            minutes: plan.time.as_secs_f64() / 60.0,
            senders: plan.senders,
            seconds: took.as_secs(),
            settling_seconds: settling.as_secs(),
            deliveries: sent.len() as u64,
            posts: sent.iter().map(|sent| sent.posts).sum(),
            accepted: accepted.len() as u64,
            good: count(|kind| *kind == Kind::Good),
            flaky: count(|kind| matches!(kind, Kind::Flaky(_))),
            doomed: count(|kind| kind.dies()),
            faults: by_name,
            casualties: verdict.casualties,
            violations: verdict.violations,
            logs,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {} s, at rest after {} s", self.seed, self.seconds, self.settling_seconds)?;
        writeln!(f, "{} deliveries in {} posts", self.deliveries, self.posts)?;
        writeln!(
            f,
            "{} events accepted: {} good, {} failing at first, {} doomed",
            self.accepted, self.good, self.flaky, self.doomed
        )?;
        for (fault, times) in &self.faults {
            writeln!(f, "  {times:3} x {fault}")?;
        }
        if !self.casualties.is_empty() {
            let first = self.casualties.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            writeln!(f, "{} casualties of the faults themselves: {first}, ...", self.casualties.len())?;
        }
        for violation in &self.violations {
            writeln!(f, "VIOLATION {violation}")?;
        }
        if let Some(logs) = &self.logs {
            writeln!(f, "logs: {}", logs.display())?;
        }
        match self.violations.len() {
            0 => write!(f, "every event answered 200 is completed once or dead once; the audit balances"),
            count => {
                let Self { minutes, seed, senders, .. } = self;
                write!(
                    f,
                    "{count} promises broken; again: cargo xtask chaos --minutes {minutes} --seed {seed} --senders {senders}"
                )
            }
        }
    }
}
