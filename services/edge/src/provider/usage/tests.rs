use axum::http::HeaderName;
use config::{Secret, Settings};
use serde_json::Value;
use time::{Duration, macros::datetime};

use super::*;

const SECRET: &str = "whsec-test-secret-0001";
const BODY: &str = r#"{"session_id":"session_123","query":"Test query","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;
const EVENTS_MAX: usize = 10_000;

fn settings(secrets: &[&str]) -> EdgeProvider {
    let mut settings = Settings::for_tests().edge.providers.remove("usage").unwrap();
    settings.secrets = config::List(secrets.iter().map(|secret| Secret::from(*secret)).collect());
    settings
}

fn usage(secrets: &[&str]) -> Arc<dyn Provider> {
    let settings = settings(secrets);
    provider(Secrets::new(&settings.secrets).unwrap(), &settings)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs =
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    pairs.collect()
}

fn head(headers: &HeaderMap) -> Head<'_> {
    Head { headers, path_secret: None, query: &[] }
}

fn keys(headers: &HeaderMap, body: &str) -> Vec<String> {
    let drafts = usage(&[SECRET]).split(&head(headers), &Bytes::from(body.to_owned()), EVENTS_MAX).unwrap();
    drafts.into_iter().map(|draft| draft.dedup_key).collect()
}

#[test]
fn a_token_or_a_signature_opens_and_nothing_else() {
    let usage = usage(&[SECRET, "another-secret-0002"]);
    let verdict = |pairs: &[(&str, &str)]| usage.authenticate_head(&head(&headers(pairs)));
    assert_eq!(verdict(&[("authorization", &format!("Bearer {SECRET}"))]), Verdict::Allow);
    assert_eq!(verdict(&[("authorization", "bearer another-secret-0002")]), Verdict::Allow);
    for pairs in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("authorization", SECRET)],
        &[("x-webhook-signature", "sha256=00")],
        &[("webhook-signature", "v1,AAAA"), ("webhook-id", "m"), ("webhook-timestamp", "1")],
        &[("x-webhook-token", SECRET)],
    ] {
        assert_eq!(verdict(pairs), Verdict::Deny, "{pairs:?}");
    }
    let signature = "8faeb78d8d8dc2b5dbc5f9efa34e8a0afa04d76e898a3526980d73e90c01ed3d";
    for signature in [format!("sha256={signature}"), signature.to_owned(), signature.to_uppercase()] {
        let headers = headers(&[("x-webhook-signature", &signature)]);
        assert_eq!(usage.authenticate_head(&head(&headers)), Verdict::AskBody);
        assert!(usage.authenticate_body(&head(&headers), BODY.as_bytes()), "{signature}");
        assert!(!usage.authenticate_body(&head(&headers), b"{}"));
    }
}

#[test]
fn standard_webhooks_own_vector_is_accepted_while_it_is_fresh() {
    let signers = Signers::new(&[Secret::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]);
    let headers = headers(&[
        ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        ("webhook-timestamp", "1649367553"),
        ("webhook-signature", "v1a,AAAA v1,AAAA v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
    ]);
    let presented = Presented::of(&headers).unwrap();
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let at = datetime!(2022-04-07 21:39:13 UTC);
    assert!(signers.made(&presented, body, at));
    assert!(signers.made(&presented, body, at + Duration::minutes(5)));
    assert!(!signers.made(&presented, body, at + Duration::minutes(6)));
    assert!(!signers.made(&presented, body, at - Duration::minutes(6)));
    assert!(!signers.made(&presented, b"{}", at));
}

#[test]
fn the_senders_own_name_for_a_delivery_is_its_key() {
    for name in KEY_HEADERS {
        assert_eq!(keys(&headers(&[(name, "\"key-1\"")]), BODY), ["usage:key-1"], "{name}");
    }
    let both = headers(&[("webhook-id", "msg_1"), ("idempotency-key", " ")]);
    assert_eq!(keys(&both, BODY), ["usage:msg_1"]);
    let batch = format!("[{BODY},{BODY},{{\"session_id\":\"s\",\"event_id\":\"e-1\"}}]");
    assert_eq!(keys(&both, &batch), ["usage:msg_1:0", "usage:msg_1:1", "usage:e-1"]);
    let unnamed = keys(&HeaderMap::new(), &batch);
    assert_eq!(unnamed[0], unnamed[1], "the same report twice is one");
    assert!(unnamed[0].starts_with("usage:content:"));
}

#[test]
fn a_test_is_marked_and_what_is_no_report_is_kept_for_the_record() {
    let body = Bytes::from(r#"[{"test":true,"message":"Health check from GPT-Bridge"},{"query":"x"},7]"#);
    let drafts = usage(&[SECRET]).split(&head(&HeaderMap::new()), &body, EVENTS_MAX).unwrap();
    assert_eq!(drafts[0].extensions.get("test").map(String::as_str), Some("true"));
    assert_eq!((drafts[0].rejected, drafts[0].token), (None, "event"));
    assert_eq!((drafts[1].rejected, drafts[1].token), (Some(code::MISSING_SESSION_ID), "rejected"));
    assert_eq!(drafts[2].rejected, Some(code::UNEXPECTED_SHAPE));
}

#[test]
fn the_examples_of_the_published_schema_are_valid_deliveries() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schemas/usage/webhook.json")).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        let body = Bytes::from(example.to_string());
        let drafts = usage(&[SECRET]).split(&head(&HeaderMap::new()), &body, EVENTS_MAX).unwrap();
        assert!(!drafts.is_empty() && drafts.iter().all(|draft| draft.rejected.is_none()), "{example}");
    }
}

#[test]
fn splitting_stops_at_the_first_event_too_many() {
    let body = Bytes::from(format!("[{}0]", "0,".repeat(500_000)));
    let drafts = usage(&[SECRET]).split(&head(&HeaderMap::new()), &body, EVENTS_MAX).unwrap();
    assert_eq!(drafts.len(), EVENTS_MAX + 1);
}
