use axum::http::HeaderMap;
use config::Secret;
use serde_json::Value;

use super::*;

const EVENTS_MAX: usize = 100;
const SECRET: &str = "a-secret-of-c2s-0001";

fn c2s() -> C2s {
    C2s { secrets: Secrets::new(&[Secret::from(SECRET), Secret::from("an-older-secret-0002")]).unwrap() }
}

fn verdict(header: Option<(&'static str, &str)>, path: Option<&str>, query: Option<(&str, &str)>) -> Verdict {
    let headers: HeaderMap =
        header.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let query: Vec<_> = query.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    c2s().authenticate_head(&Head { headers: &headers, path_secret: path, query: &query })
}

fn split(body: &'static str) -> Result<Vec<Draft>, Code> {
    c2s().split(
        &Head { headers: &HeaderMap::new(), path_secret: None, query: &[] },
        &Bytes::from_static(body.as_bytes()),
        EVENTS_MAX,
    )
}

#[test]
fn the_secret_is_taken_from_each_place_a_sender_can_put_it() {
    for header in [
        ("x-webhook-token", SECRET),
        ("x-webhook-secret", SECRET),
        ("authorization", "Bearer a-secret-of-c2s-0001"),
        ("authorization", "bearer  a-secret-of-c2s-0001"),
        ("x-webhook-token", "an-older-secret-0002"),
    ] {
        assert_eq!(verdict(Some(header), None, None), Verdict::Allow, "{header:?}");
    }
    assert_eq!(verdict(None, Some(SECRET), None), Verdict::Allow);
    assert_eq!(verdict(None, None, Some(("token", SECRET))), Verdict::Allow);
}

#[test]
fn anything_else_is_denied() {
    for header in [
        ("x-webhook-token", "wrong"),
        ("x-webhook-token", ""),
        ("authorization", SECRET),
        ("authorization", "Basic a-secret-of-c2s-0001"),
        ("x-other", SECRET),
    ] {
        assert_eq!(verdict(Some(header), None, None), Verdict::Deny, "{header:?}");
    }
    assert_eq!(verdict(None, None, None), Verdict::Deny);
    assert_eq!(verdict(None, Some("wrong"), Some(("secret", SECRET))), Verdict::Deny);
}

#[test]
fn an_event_shares_the_memory_of_its_delivery() {
    let body = Bytes::from_static(
        br#"[{"id":7,"hook_action":"on_close_lead","attributes":{"updated_at":"2026-01-20T10:00:00Z"}},{"id":"x"}]"#,
    );
    let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
    let drafts = c2s().split(&head, &body, EVENTS_MAX).unwrap();
    let [event, rejected] = drafts.as_slice() else { panic!("{drafts:?}") };
    assert_eq!(event.payload.as_ptr(), body[1..].as_ptr());
    assert_eq!((event.token, event.event_type), ("closed", "c2s.lead.closed"));
    assert_eq!((event.subject.as_deref(), event.action.as_deref()), (Some("7"), Some("on_close_lead")));
    assert_eq!((rejected.token, rejected.rejected), ("rejected", Some(code::MISSING_UPDATED_AT)));
    assert_eq!(rejected.payload, r#"{"id":"x"}"#);
}

#[test]
fn a_delivery_that_cannot_be_cut_is_refused_whole() {
    assert_eq!(split("{").unwrap_err(), code::MALFORMED);
    assert_eq!(split("7").unwrap_err(), code::UNEXPECTED_SHAPE);
    assert_eq!(split("[]").unwrap().len(), 0);
    let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
    assert_eq!(
        c2s().split(&head, &Bytes::from_static(b"{\"id\":\"\xff\"}"), EVENTS_MAX).unwrap_err(),
        code::MALFORMED
    );
}

#[test]
fn a_word_too_long_for_a_header_stays_in_the_body() {
    let body = format!(
        r#"{{"id":"{0}","hook_action":"{0}","attributes":{{"updated_at":"2026-01-20T10:00:00Z"}}}}"#,
        "x".repeat(900)
    );
    let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
    let drafts = c2s().split(&head, &Bytes::from(body), EVENTS_MAX).unwrap();
    assert_eq!((&drafts[0].subject, &drafts[0].action), (&None, &None));
    assert!(drafts[0].dedup_key.len() < 200);
}

#[test]
fn the_answer_counts_and_says_400_only_when_nothing_is_valid() {
    let tally = |processed, duplicates, rejected| Tally {
        received: processed + duplicates + rejected,
        processed,
        duplicates,
        rejected,
        first_problem: (rejected > 0).then_some(code::MISSING_UPDATED_AT),
    };
    let answer = |tally: Tally| c2s().answer(&tally).map(|(_, answer)| answer);
    for (tally, expected) in [
        (tally(2, 1, 0), r#"{"status":"received","received":3,"processed":2,"duplicates":1}"#),
        (tally(0, 1, 1), r#"{"status":"received","received":2,"processed":0,"duplicates":1,"rejected":1}"#),
        (tally(0, 0, 0), r#"{"status":"received","received":0,"processed":0,"duplicates":0}"#),
    ] {
        assert_eq!(answer(tally).unwrap(), expected);
    }
    let refusal = answer(tally(0, 0, 2)).unwrap_err();
    assert_eq!(refusal.parts(), (StatusCode::BAD_REQUEST, code::MISSING_UPDATED_AT));
}

#[test]
fn the_examples_of_the_published_schema_are_valid_deliveries() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schemas/c2s/webhook.json")).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
        let drafts = c2s().split(&head, &Bytes::from(example.to_string()), EVENTS_MAX).unwrap();
        assert!(!drafts.is_empty() && drafts.iter().all(|draft| draft.rejected.is_none()), "{example}");
    }
}

#[test]
fn splitting_stops_at_the_first_event_too_many() {
    let body = Bytes::from(format!("[{}0]", "0,".repeat(500_000)));
    let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
    assert_eq!(c2s().split(&head, &body, EVENTS_MAX).unwrap().len(), EVENTS_MAX + 1);
}
