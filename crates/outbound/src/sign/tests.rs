use http::HeaderMap;
use standardwebhooks::Webhook;
use time::macros::datetime;

use super::*;

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn key(secret: &str) -> SigningKey {
    SigningKey::parse(&Secret::from(secret)).unwrap()
}

fn at(timestamp: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(timestamp).unwrap()
}

#[test]
fn the_reference_librarys_vector_comes_out() {
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let headers =
        standard_headers(&[key(OLD)], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", at(1_649_367_553), body).unwrap();
    let shown = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    assert_eq!(
        shown,
        [
            "webhook-id: msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "webhook-timestamp: 1649367553",
            "webhook-signature: v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ]
    );
}

#[test]
fn while_a_secret_is_changed_both_sign() {
    let body =
        br#"{"type":"lead.enriched","timestamp":"2026-01-01T00:00:00Z","data":{"lead_id":"lead-12345"}}"#;
    let headers = standard_headers(&[key(OLD), key(NEW)], "msg_2test0001", at(1_767_225_600), body).unwrap();
    assert_eq!(
        headers[2].1,
        "v1,6koMTKpcgFB52bHjRoMw4KLrWl1/BEbhACMmv/wGfDk= v1,+14+MXostAlj02HTB6vInkIKbcHKnGYwThrqxKdk7V4="
    );
}

#[test]
fn the_reference_library_accepts_what_we_sign() {
    let (body, now) = ("{\"a\":\"ol\u{e1} \u{1f600}\"}".as_bytes(), OffsetDateTime::now_utc());
    let headers = standard_headers(&[key(OLD), key(NEW)], "msg_1", now, body).unwrap();
    let headers = HeaderMap::from_iter(headers);
    for secret in [OLD, NEW] {
        Webhook::new(secret).unwrap().verify(body, &headers).unwrap();
    }
    assert!(Webhook::new(OLD).unwrap().verify(b"{}", &headers).is_err());
}

#[test]
fn the_older_header_is_what_the_reference_says() {
    let body = br#"{"session_id":"session_123","query":"Test query","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;
    assert_eq!(body.len(), 138);
    let value = signature(&Secret::from("whsec-test-secret-0001"), body).unwrap();
    assert_eq!(value, "sha256=8faeb78d8d8dc2b5dbc5f9efa34e8a0afa04d76e898a3526980d73e90c01ed3d");
}

#[test]
fn what_cannot_be_signed_is_an_error_that_quotes_no_secret() {
    for (secret, error) in [
        ("whsec_not base64", SignError::Base64),
        ("whsec_c2hvcnQ=", SignError::KeyLength(5)),
        (" ", SignError::Empty),
    ] {
        assert_eq!(SigningKey::parse(&Secret::from(secret)).unwrap_err(), error);
    }
    let now = datetime!(2026-01-20 10:00 UTC);
    for id in ["", "a.b", "a b", "a\nb", "\u{e1}"] {
        assert_eq!(standard_headers(&[key(OLD)], id, now, b"{}").unwrap_err(), SignError::Id, "{id}");
    }
    assert_eq!(standard_headers(&[], "a", now, b"{}").unwrap_err(), SignError::NoKey);
    assert_eq!(signature(&Secret::from(""), b"{}").unwrap_err(), SignError::Empty);
    assert_eq!(format!("{:?}", key(NEW)), "SigningKey(..)");
}
