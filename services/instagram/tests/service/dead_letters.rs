//! What can never be stored.

use async_nats::HeaderMap;
use contract::{Envelope, EventId, code, instagram::split};

use crate::given::{Service, envelope, from_user, messaging};

#[tokio::test]
async fn what_is_no_event_is_a_dead_letter_and_its_neighbours_are_stored() {
    let service = Service::start().await;
    let body = messaging(&from_user(1, r#""message":{"mid":"m-1","text":"hi"}"#));
    let event = split(&body).unwrap().remove(0).unwrap();
    let like =
        |key: &str| Envelope { id: EventId::generate(), dedup_key: key.to_owned(), ..envelope(&event) };
    let not_ours = b"\xff\x00 not ours".to_vec();
    service.publish_raw(HeaderMap::new(), not_ours.clone()).await;
    let refused = Envelope { rejected: Some(code::MALFORMED), ..like("ig:malformed:1") };
    service.publish(refused, "{\"entry\":").await;
    let deep = format!(r#"{{"message":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (key, body) in [("1", "not json"), ("2", "[1,2]"), ("3", ""), ("4", deep.as_str())] {
        service.publish(like(key), body).await;
    }
    service.publish(like(&"k".repeat(2_000)), event.body).await;
    service.publish(like("good"), event.body).await;
    service.settled().await;
    let ledger = service.ledger().await;
    let codes: Vec<_> = ledger.iter().map(|(_, code, _)| code.as_deref().unwrap_or("completed")).collect();
    assert_eq!(
        codes,
        [
            "envelope_invalid",
            "malformed",
            "malformed",
            "malformed",
            "malformed",
            "malformed",
            "not_storable",
            "completed",
        ]
    );
    assert_eq!(ledger[0].2, not_ours, "the body is kept byte by byte");
    assert_eq!(
        (service.account.dead(), service.account.retried()),
        (7, 0),
        "none was worth a second attempt"
    );
    service.stop().await;
}

#[tokio::test]
async fn hostile_ids_and_texts_are_stored_or_kept_and_never_dead() {
    let service = Service::start().await;
    let long = "x".repeat(100_000);
    for item in [
        r#""message":{"mid":"a\u0000b","text":"\u0000"}"#.to_owned(),
        format!(r#""message":{{"mid":"{long}","text":"long id"}}"#),
        format!(r#""message":{{"mid":"m-2","text":"{long}"}}"#),
        r#""message":{"mid":"m-3","text":{"a":1},"attachments":"none","reply_to":[],"is_echo":"no"}"#
            .to_owned(),
        r#""message":{"mid":12345678901234567,"text":7}"#.to_owned(),
        r#""message_edit":{"mid":"m-2","text":"x","num_edit":99999999999}"#.to_owned(),
        r#""read":{"mid":null,"watermark":"soon"}"#.to_owned(),
        r#""referral":{"ref":"\u0000\ud800"}"#.to_owned(),
    ] {
        service.hears(1, &item).await;
    }
    let strange = r#"{"sender":"9","recipient":7,"timestamp":1e300,"message":{"mid":"m-5"}}"#;
    service.message(strange).await;
    let ledger = service.ledger().await;
    assert!(ledger.iter().all(|(status, ..)| status == "completed"), "{ledger:?}");
    let mids = "select string_agg(mid, ' ' order by mid) from instagram_messages";
    assert_eq!(service.text(mids).await, "12345678901234567 ab m-2 m-3 m-5");
    service.stop().await;
}
