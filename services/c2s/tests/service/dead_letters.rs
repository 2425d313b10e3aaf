//! What can never be stored.

use async_nats::HeaderMap;
use bus::Topology;
use contract::{Envelope, code, stream::c2s::STREAM};

use crate::given::{Service, body, envelope};

#[tokio::test]
async fn an_event_that_the_edge_refused_is_a_dead_letter_with_its_reason_and_body() {
    let service = Service::start().await;
    let refused = r#"{"id":"lead-9","attributes":{"updated_at":"yesterday"}}"#;
    let envelope = Envelope {
        subject: Some("lead-9".to_owned()),
        dedup_key: "c2s:rejected:1".to_owned(),
        rejected: Some(code::INVALID_UPDATED_AT),
        ..envelope(&body("x", "2026-01-20T10:00:00Z", "x"))
    };
    service.publish(envelope, refused).await;
    service.settled(1).await;
    let code = Some("invalid_updated_at".to_owned());
    assert_eq!(service.ledger().await, [("dead_letter".to_owned(), 1, code, refused.as_bytes().to_vec())]);
    assert_eq!(service.account.dead(), 1);
    let known = "select count(*) from webhook_events where lead_id = 'lead-9' and updated_at is null";
    assert_eq!(service.count(known).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_event_is_a_dead_letter_and_its_neighbours_are_stored() {
    let service = Service::start().await;
    let like = envelope(&body("lead-1", "2026-01-20T10:00:00Z", "Joao"));
    let not_ours = b"\xff\x00 not ours".to_vec();
    let mut odd_headers = HeaderMap::new();
    odd_headers.insert("odd", "a\0b");
    service.publish_raw(odd_headers, not_ours.clone()).await;
    for (key, text) in [("1", "{}"), ("2", "not json"), ("3", "[1,2]"), ("4", "")] {
        service
            .publish(
                Envelope { id: contract::EventId::generate(), dedup_key: key.to_owned(), ..like.clone() },
                text,
            )
            .await;
    }
    let deep = format!(
        r#"{{"id":"deep","attributes":{{"updated_at":"2026-01-20T10:00:00Z"}},"x":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    service
        .publish(
            Envelope { id: contract::EventId::generate(), dedup_key: "5".to_owned(), ..like.clone() },
            &deep,
        )
        .await;
    let long_id = body(&"x".repeat(5_000), "2026-01-20T10:00:00Z", "Joao");
    service.publish(envelope(&long_id), &long_id).await;
    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    service.settled(8).await;

    let ledger = service.ledger().await;
    let codes: Vec<_> = ledger.iter().map(|(_, _, code, _)| code.as_deref().unwrap_or("completed")).collect();
    assert_eq!(
        codes,
        [
            "envelope_invalid",
            "missing_id",
            "malformed",
            "unexpected_shape",
            "malformed",
            "malformed",
            "not_storable",
            "completed",
        ]
    );
    assert_eq!(ledger[0].3, not_ours, "the body is kept byte by byte");
    assert_eq!(
        (service.account.dead(), service.account.retried()),
        (7, 0),
        "none was worth a second attempt"
    );
    service.stop().await;
}

#[tokio::test]
async fn strangers_at_the_same_place_of_a_stream_that_was_made_anew_are_two() {
    let service = Service::start().await;
    service.publish_raw(HeaderMap::new(), b"first".to_vec()).await;
    service.settled(1).await;
    service.bus.jetstream().delete_stream(STREAM).await.unwrap();
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    service.publish_raw(HeaderMap::new(), b"second".to_vec()).await;
    service.settled(2).await;
    let mut bodies: Vec<_> = service.ledger().await.into_iter().map(|(.., body)| body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec()]);
    service.stop().await;
}
