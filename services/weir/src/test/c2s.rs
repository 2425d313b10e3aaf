//! `weir test c2s`: the eight checks of the older system's script.

use std::process::ExitCode;

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{Expected, Report};
use crate::{
    c2s::{Place, Sample, Subject, Target, TargetArgs},
    context::Context,
    delivery::Counts,
    failure::Failure,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir test c2s
  weir test c2s --url https://hooks.example.com --secret \"$WEBHOOK_SECRET\"

The tests store five leads whose ids begin with `weir-test-`, and leave two dead letters (the invalid events of
phase 4). They touch nothing else and may be run against production.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
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
    let target = Target::new(&args.target, &context.settings()?)?;
    let mut report = Report::begin(target.endpoint(), context.output)?;
    for Case { phase, name, token, body, expected, counts } in cases(OffsetDateTime::now_utc()) {
        let reply = match token {
            Token::Right => target.post(body, Place::Header).await,
            Token::Wrong => target.post_with(body, Some("weir-test-wrong-token")).await,
            Token::Absent => target.post_with(body, None).await,
        };
        report.add(phase, name, &reply, Expected { status: expected, counts, body: None })?;
    }
    report.end()
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
