//! `weir test`: a running edge, met from outside as its provider meets it.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::{
    c2s::{Counts, Place, Reply, Sample, Subject, Target, TargetArgs},
    context::Context,
    failure::{Failure, WRONG},
};

const EXAMPLES: &str = "\
Examples:
  weir test c2s
  weir test c2s --url https://hooks.example.com --secret \"$WEBHOOK_SECRET\"

The tests store five leads whose ids begin with `weir-test-`, and leave two dead letters (the invalid events of
phase 4). They touch nothing else and may be run against production.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Contact2Sale: authentication, idempotency, batches, validation; eight tests.
    #[command(after_help = EXAMPLES)]
    C2s(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
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

/// What a test sends, and what must come back.
struct Case {
    phase: &'static str,
    name: &'static str,
    token: Token,
    body: String,
    expected: u16,
    counts: Option<Counts>,
}

enum Token {
    Right,
    Wrong,
    Absent,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let output = context.output;
    let target = Target::new(&args.target, &context.settings()?)?;
    output.line(format!("Testing {}", target.endpoint()))?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (case, number) in cases(OffsetDateTime::now_utc()).into_iter().zip(1..) {
        if outcomes.last().is_none_or(|last| last.phase != case.phase) {
            output.line(format!("\n{}", case.phase))?;
        }
        let outcome = case.run(number, &target).await;
        let verdict = if outcome.passed { "PASS" } else { "FAIL" };
        let reason = outcome.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        output.line(format!("  {verdict}  Test {number}: {}{reason}", outcome.name))?;
        outcomes.push(outcome);
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    let failed = outcomes.len() - passed;
    output.line(format!("\nTests Passed: {passed}\nTests Failed: {failed}"))?;
    output.line(if failed == 0 { "All tests passed!" } else { "Some tests failed." })?;
    if outcomes.iter().all(|outcome| outcome.status.is_none()) {
        let sentence = format!("no answer from {}", target.endpoint());
        return Err(Failure::away(anyhow::anyhow!(sentence)).hint("is the edge running there? See --url"));
    }
    output.document(
        &json!({ "url": target.endpoint(), "passed": passed, "failed": failed, "tests": outcomes }),
    )?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

impl Case {
    async fn run(self, number: usize, target: &Target) -> Outcome {
        let reply = match self.token {
            Token::Right => target.post(self.body, Place::Header).await,
            Token::Wrong => target.post_with(self.body, Some("weir-test-wrong-token")).await,
            Token::Absent => target.post_with(self.body, None).await,
        };
        let reason = match &reply {
            Ok(reply) => mismatch(reply, self.expected, self.counts),
            Err(error) => Some(format!("{error:#}")),
        };
        let reply = reply.ok();
        Outcome {
            number,
            phase: self.phase,
            name: self.name,
            expected: self.expected,
            status: reply.as_ref().map(|reply| reply.status),
            passed: reason.is_none(),
            reason,
            latency_ms: reply.map(|reply| reply.latency.as_secs_f64() * 1000.0),
        }
    }
}

/// Why the answer is not the expected one.
fn mismatch(reply: &Reply, status: u16, counts: Option<Counts>) -> Option<String> {
    if reply.status != status {
        return Some(format!("expected {status}, got {}", reply.status));
    }
    match (counts, reply.counts()) {
        (None, _) => None,
        (Some(_), None) => Some("the answer has no counts".to_owned()),
        (Some(expected), Some(found)) if expected == found => None,
        (Some(expected), Some(found)) => Some(format!(
            "expected {} processed and {} duplicates, got {} and {}",
            expected.processed, expected.duplicates, found.processed, found.duplicates
        )),
    }
}

/// The eight tests, with leads that nobody else has.
fn cases(now: OffsetDateTime) -> Vec<Case> {
    const AUTHENTICATION: &str = "Phase 1: Authentication";
    const EVENTS: &str = "Phase 2: Events and idempotency";
    const BATCH: &str = "Phase 3: Batch";
    const VALIDATION: &str = "Phase 4: Validation";

    let lead = Subject::new("weir-test", now);
    let later = Subject { changed: now + Duration::seconds(1), ..lead.clone() };
    let batch = Subject::new("weir-test-batch", now);
    let first = Sample::FormA.body(&lead);
    let counts =
        |received, processed, duplicates| Some(Counts { received, processed, duplicates, rejected: 0 });
    let case = |phase, name, body: &str, expected, counts| Case {
        phase,
        name,
        token: Token::Right,
        body: body.to_owned(),
        expected,
        counts,
    };
    vec![
        Case {
            token: Token::Absent,
            ..case(AUTHENTICATION, "Missing authentication header", &first, 401, None)
        },
        Case {
            token: Token::Wrong,
            ..case(AUTHENTICATION, "Invalid authentication token", &first, 401, None)
        },
        case(EVENTS, "Valid single event", &first, 200, counts(1, 1, 0)),
        case(EVENTS, "Duplicate event (idempotency)", &first, 200, counts(1, 0, 1)),
        case(EVENTS, "Same lead, different timestamp", &Sample::Updated.body(&later), 200, counts(1, 1, 0)),
        case(BATCH, "Batch of 3 events", &Sample::Batch.body(&batch), 200, counts(3, 3, 0)),
        case(VALIDATION, "Missing updated_at field", &invalid(&Value::Null), 400, None),
        case(VALIDATION, "Invalid timestamp format", &invalid(&json!("not-a-timestamp")), 400, None),
    ]
}

/// A lead event whose `updated_at` is this; null: it has none.
fn invalid(updated_at: &Value) -> String {
    let mut attributes = json!({ "customer": { "name": "Weir Test" } });
    if let (Value::Object(members), false) = (&mut attributes, updated_at.is_null()) {
        members.insert("updated_at".to_owned(), updated_at.clone());
    }
    let lead_id = Subject::new("weir-test-invalid", OffsetDateTime::UNIX_EPOCH).lead_id;
    json!({ "id": lead_id, "hook_action": "lead.created", "attributes": attributes }).to_string()
}

#[cfg(test)]
mod tests {
    use contract::code;

    use super::*;

    #[test]
    fn the_invalid_events_are_invalid_in_the_way_they_say() {
        for (body, expected) in [
            (invalid(&Value::Null), code::MISSING_UPDATED_AT),
            (invalid(&json!("not-a-timestamp")), code::INVALID_UPDATED_AT),
        ] {
            assert_eq!(contract::c2s::split(&body).unwrap()[0].as_ref().unwrap_err().code, expected);
        }
    }

    #[test]
    fn there_are_eight_tests_in_four_phases_and_the_second_repeats_the_first() {
        let cases = cases(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(cases.len(), 8);
        assert_eq!(cases[2].body, cases[3].body);
        assert_ne!(cases[2].body, cases[4].body);
    }
}
