//! The shapes of `providers.md` 6.5, and what senders make of them.

use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::EventId;

const FLAT: &str = r#"{"session_id":"session_123","query":"Test query","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;
const NESTED: &str = r#"{"timestamp":"2026-01-15T10:30:00Z","session_id":"session_123","query":{"summary":"Test query","category":"general","estimated_complexity":1},
 "response":{"model_used":"gpt-4","response_time_ms":1000,"estimated_tokens":100,"success":true},"user_agent":"GPT-Bridge-Production"}"#;
const AT: OffsetDateTime = datetime!(2026-01-15 10:30:00 UTC);

fn all(body: &str) -> Vec<Result<UsageEvent<'_>, Rejected<'_>>> {
    events(body).unwrap().collect()
}

fn one(body: &str) -> UsageEvent<'_> {
    all(body).remove(0).unwrap()
}

#[test]
fn both_shapes_say_the_same() {
    let (flat, nested) = (Usage::parse(FLAT.as_bytes()).unwrap(), Usage::parse(NESTED.as_bytes()).unwrap());
    for usage in [&flat, &nested] {
        assert_eq!(usage.session_id.as_deref(), Some("session_123"));
        assert_eq!(usage.summary().as_deref(), Some("Test query"));
        assert_eq!((usage.category(), usage.complexity()), (Category::General, 1));
        assert_eq!((usage.response_time_ms, usage.estimated_tokens), (Some(1000), Some(100)));
        assert_eq!((usage.success, usage.model_family()), (Some(true), "gpt-4"));
    }
    assert_eq!(flat.query.as_deref(), Some("Test query"));
    assert_eq!((nested.query.as_deref(), nested.timestamp), (None, Some(AT)));
    assert_eq!(nested.user_agent.as_deref(), Some("GPT-Bridge-Production"));
}

#[test]
fn one_event_an_array_and_envelopes_are_understood_byte_by_byte() {
    assert_eq!(one(FLAT).body, FLAT);
    let array = format!("[ {FLAT} ,{NESTED}]");
    let envelope = format!(r#"{{"type":"x","events":{array}}}"#);
    for body in [array.as_str(), &envelope, &format!(r#"{{"data":{array}}}"#)] {
        let found: Vec<_> = all(body).into_iter().map(|event| event.unwrap().body).collect();
        assert_eq!(found, [FLAT, NESTED]);
    }
    assert_eq!(one(&format!(r#"{{"type":"x","data":{FLAT}}}"#)).body, FLAT);
    // An event that has a field of such a name is still an event.
    let own = r#"{"session_id":"s","data":{"a":1},"events":[1]}"#;
    assert_eq!(one(own).body, own);
    assert_eq!(all("[]").len(), 0);
    assert_eq!(events("nonsense").err(), Some(code::MALFORMED));
    assert_eq!(events("7").err(), Some(code::UNEXPECTED_SHAPE));
    assert_eq!(events(&"[".repeat(1_000)).err(), Some(code::MALFORMED));
}

#[test]
fn what_is_no_report_is_rejected_alone() {
    let body = format!(r#"[7,{{}},{{"session_id":" "}},{FLAT},{{"test":true}},{{"session_id":42}}]"#);
    let codes: Vec<_> = all(&body).into_iter().map(|event| event.map_err(|rejected| rejected.code)).collect();
    assert_eq!(codes[0], Err(code::UNEXPECTED_SHAPE));
    assert_eq!(codes[1], Err(code::MISSING_SESSION_ID));
    assert_eq!(codes[2], Err(code::MISSING_SESSION_ID));
    assert!(codes[3].is_ok() && codes[4].as_ref().unwrap().is_test);
    assert_eq!(codes[5].as_ref().unwrap().session_id.as_deref(), Some("42"));
}

#[test]
fn a_repeat_is_known_by_its_name_and_else_by_its_content_for_an_hour() {
    let key = |body: &str, header, index, at| one(body).dedup_key(header, index, at);
    assert_eq!(key(FLAT, Some("msg_1"), None, AT), "usage:msg_1");
    assert_eq!(key(FLAT, Some("msg_1"), Some(2), AT), "usage:msg_1:2");
    let named = r#"{"session_id":"s","event_id":"e-1"}"#;
    assert_eq!(key(named, None, None, AT), "usage:e-1");
    assert_eq!(key(named, Some("msg_1"), Some(2), AT), "usage:e-1");
    assert_eq!(key(named, Some("msg_1"), None, AT), "usage:msg_1");
    let long = "x".repeat(5_000);
    assert!(key(FLAT, Some(&long), None, AT).len() < 100);

    let told = |text: &str, at| key(text, None, None, at);
    let spaced = FLAT.replace(',', " , ").replace('}', r#","timestamp":"2026-01-15T10:31:00Z"}"#);
    assert_eq!(told(FLAT, AT), told(&spaced, AT + time::Duration::minutes(29)));
    assert_ne!(told(FLAT, AT), told(FLAT, AT + time::Duration::HOUR));
    assert_ne!(told(FLAT, AT), told(&FLAT.replace("1000", "1001"), AT));
}

#[test]
fn a_category_is_found_by_whole_words() {
    for (query, category) in [
        ("Please review this", Category::CodeReview),
        ("what does this PR do?", Category::CodeReview),
        ("open a pull   request, please", Category::CodeReview),
        ("the problem of the process", Category::Debugging),
        ("my process is slow", Category::General),
        ("FIX: the error", Category::Debugging),
        ("prefix and suffix", Category::General),
        ("a system of design", Category::Architecture),
        ("debugging patterns", Category::General),
        ("fix the review", Category::CodeReview),
        ("pull, then request", Category::General),
        ("", Category::General),
    ] {
        assert_eq!(Category::of(query), category, "{query}");
    }
}

#[test]
fn summary_complexity_and_family_are_the_older_clients() {
    assert_eq!(summary(&"é".repeat(50)), "é".repeat(50));
    assert_eq!(summary(&"é".repeat(51)), format!("{}...", "é".repeat(50)));
    for (chars, millis, expected) in [
        (100, Some(1_000), 1),
        (101, None, 2),
        (1, Some(1_001), 2),
        (200, Some(3_000), 2),
        (201, None, 3),
        (1, Some(3_001), 3),
    ] {
        assert_eq!(complexity(chars, millis), expected, "{chars} {millis:?}");
    }
    for (model, family) in [
        ("gpt-4o-mini", "gpt-4"),
        ("Claude-3.5", "claude-3"),
        ("llama", "gpt-4"),
        ("", "gpt-4"),
        ("gpt-claude", "gpt-4"),
    ] {
        assert_eq!(model_family(model), family, "{model}");
    }
}

#[test]
fn numbers_and_flags_come_in_many_spellings() {
    let usage = Usage::parse(
        br#"{"session_id":7,"response_time_ms":"1200.6","estimated_tokens":1e2,"success":"true","timestamp":1768473000,"cost":"0.25"}"#,
    )
    .unwrap();
    assert_eq!((usage.response_time_ms, usage.estimated_tokens), (Some(1201), Some(100)));
    assert_eq!((usage.success, usage.timestamp, usage.estimated_cost), (Some(true), Some(AT), Some(0.25)));
    for cost in ["1e300", "-1", "\"NaN\"", "\"inf\""] {
        let usage = Usage::parse(format!(r#"{{"session_id":"s","cost":{cost}}}"#).as_bytes()).unwrap();
        assert_eq!(usage.estimated_cost, None, "{cost}: the sum of many must be a number");
    }
    let odd = Usage::parse(
        br#"{"session_id":"s","query":["x"],"response_time_ms":-5,"estimated_tokens":null,"success":null,"timestamp":"soon","model_name":{}}"#,
    )
    .unwrap();
    assert_eq!(odd, Usage { session_id: Some("s".to_owned()), ..Usage::default() });
    assert_eq!(Usage::parse(b"[]"), None);
    assert_eq!(Usage::parse(b"\xff"), None);
}

#[test]
fn every_form_is_what_its_receiver_was_built_on() {
    let id: EventId = "0198e0aa-0000-7000-8000-000000000001".parse().unwrap();
    let usage = Usage { timestamp: Some(AT), ..Usage::parse(FLAT.as_bytes()).unwrap() };
    let outgoing = Outgoing { usage: &usage, id, received_at: AT };
    let body = |form| serde_json::from_slice::<Value>(&outgoing.body(form)).unwrap();
    let flat = json!({
        "event_id": id, "timestamp": "2026-01-15T10:30:00Z", "session_id": "session_123", "query": "Test query",
        "model_name": "gpt-4o-mini", "response_time_ms": 1000, "estimated_tokens": 100, "success": true,
    });
    let response =
        json!({"model_used": "gpt-4", "response_time_ms": 1000, "estimated_tokens": 100, "success": true});
    assert_eq!(body(Form::Flat), flat);
    let mut both = flat.clone();
    both["query__summary"] = json!("Test query");
    both["query__category"] = json!("general");
    both["query__estimated_complexity"] = json!(1);
    both["response"] = response.clone();
    both["user_agent"] = json!(concat!("weir/", env!("CARGO_PKG_VERSION")));
    assert_eq!(body(Form::Both), both);
    assert_eq!(
        body(Form::Nested),
        json!({
            "event_id": id, "timestamp": "2026-01-15T10:30:00Z", "session_id": "session_123",
            "query": {"summary": "Test query", "category": "general", "estimated_complexity": 1},
            "response": response, "user_agent": concat!("weir/", env!("CARGO_PKG_VERSION")),
        })
    );
    let envelope = json!({"type": EVENT_TYPE, "timestamp": "2026-01-15T10:30:00Z", "data": flat});
    assert_eq!(body(Form::Envelope), envelope);
    for form in Form::ALL {
        assert_eq!(Form::from_word(form.as_str()), Some(form));
    }
}
