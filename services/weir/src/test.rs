//! `weir test`: a running edge, met from outside as its provider meets it.

pub(crate) mod c2s;
pub(crate) mod instagram;
pub(crate) mod usage;

use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::{
    delivery::{Counts, Reply},
    failure::{Failure, WRONG},
    output::Output,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Contact2Sale: authentication, idempotency, batches, validation; eight tests.
    #[command(after_help = c2s::EXAMPLES)]
    C2s(c2s::Args),
    /// Instagram: signature, handshake, idempotency, batches.
    #[command(after_help = instagram::EXAMPLES)]
    Instagram(instagram::Args),
    /// Usage reports: token, signature, idempotency, batches.
    #[command(after_help = usage::EXAMPLES)]
    Usage(usage::Args),
}

/// What must come back.
#[derive(Debug, Clone, Copy)]
struct Expected<'a> {
    status: u16,
    counts: Option<Counts>,
    /// The whole body.
    body: Option<&'a str>,
}

/// One test and its outcome.
#[derive(Debug, Serialize)]
struct Outcome {
    number: usize,
    phase: &'static str,
    name: &'static str,
    expected: u16,
    status: Option<u16>,
    passed: bool,
    /// Why it failed.
    reason: Option<String>,
    latency_ms: Option<f64>,
}

/// The outcomes, told as they come.
struct Report {
    endpoint: String,
    output: Output,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// `endpoint` holds no secret.
    fn begin(endpoint: String, output: Output) -> anyhow::Result<Self> {
        output.line(format!("Testing {endpoint}"))?;
        Ok(Self { endpoint, output, outcomes: Vec::new() })
    }

    fn add(
        &mut self,
        phase: &'static str,
        name: &'static str,
        reply: &anyhow::Result<Reply>,
        expected: Expected<'_>,
    ) -> anyhow::Result<()> {
        if self.outcomes.last().is_none_or(|last| last.phase != phase) {
            self.output.line(format!("\n{phase}"))?;
        }
        let reason = match reply {
            Ok(reply) => mismatch(reply, expected),
            Err(error) => Some(format!("{error:#}")),
        };
        let reply = reply.as_ref().ok();
        let outcome = Outcome {
            number: self.outcomes.len() + 1,
            phase,
            name,
            expected: expected.status,
            status: reply.map(|reply| reply.status),
            passed: reason.is_none(),
            reason,
            latency_ms: reply.map(|reply| reply.latency.as_secs_f64() * 1000.0),
        };
        let verdict = if outcome.passed { "PASS" } else { "FAIL" };
        let reason = outcome.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        self.output.line(format!("  {verdict}  Test {}: {name}{reason}", outcome.number))?;
        self.outcomes.push(outcome);
        Ok(())
    }

    fn end(self) -> Result<ExitCode, Failure> {
        let Self { endpoint, output, outcomes } = self;
        let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
        let failed = outcomes.len() - passed;
        output.line(format!("\nTests Passed: {passed}\nTests Failed: {failed}"))?;
        output.line(if failed == 0 { "All tests passed!" } else { "Some tests failed." })?;
        if outcomes.iter().all(|outcome| outcome.status.is_none()) {
            let sentence = format!("no answer from {endpoint}");
            return Err(Failure::away(anyhow::anyhow!(sentence)).hint("is the edge running there? See --url"));
        }
        output
            .document(&json!({ "url": endpoint, "passed": passed, "failed": failed, "tests": outcomes }))?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
    }
}

/// Why the answer is not the expected one.
fn mismatch(reply: &Reply, expected: Expected<'_>) -> Option<String> {
    if reply.status != expected.status {
        return Some(format!("expected {}, got {}", expected.status, reply.status));
    }
    if expected.body.is_some_and(|body| body != reply.body) {
        return Some("the answer is another text".to_owned());
    }
    match (expected.counts, reply.counts()) {
        (None, _) => None,
        (Some(_), None) => Some("the answer has no counts".to_owned()),
        (Some(expected), Some(found)) if expected == found => None,
        (Some(expected), Some(found)) => Some(format!(
            "expected {} processed and {} duplicates, got {} and {}",
            expected.processed, expected.duplicates, found.processed, found.duplicates
        )),
    }
}
