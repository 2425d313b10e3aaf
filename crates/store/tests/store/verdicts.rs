//! Failed attempts and dead letters.

use std::collections::BTreeMap;

use contract::code;
use store::webhook_events::{
    Admitted::{Duplicate, New, Resumed},
    KEY_MAX_BYTES, Reason, find, record_dead, record_failed,
};
use testkit::Database;
use time::Duration;

use crate::given::{INSTANT, NOW, admitted, event, row, scalar};

const FAILED: Reason<'_> = Reason { code: code::TIMEOUT, error: "too slow", headers: None };
const DEAD: Reason<'_> =
    Reason { code: code::ATTEMPTS_EXHAUSTED, error: "five times too slow", headers: None };

#[tokio::test]
async fn a_failed_event_counts_its_attempts_until_it_is_done() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut given = event("lead-1", INSTANT, 1);
    for attempt in 1..=3 {
        given.attempt = attempt;
        assert!(record_failed(&mut connection, &given.event(), FAILED).await.unwrap());
    }
    assert_eq!(row(&mut connection, &given).await, ("failed".to_owned(), 3, Some("timeout".to_owned())));
    given.attempt = 4;
    assert_eq!(admitted(database.pool(), &[&given]).await, [Resumed { id: given.envelope.id }]);
    assert_eq!(row(&mut connection, &given).await, ("completed".to_owned(), 4, None));
    let retries = scalar(database.pool(), "select retry_count::bigint from webhook_events").await;
    assert_eq!(retries, 3, "the older systems' column counts without the first");
}

#[tokio::test]
async fn a_dead_letter_keeps_reason_body_and_headers() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    let headers = BTreeMap::from([("Nats-Msg-Id".to_owned(), "x".to_owned())]);
    let reason = Reason { headers: Some(&headers), ..DEAD };
    assert!(record_dead(&mut connection, &given.event(), reason, NOW).await.unwrap().is_some());

    let stored = find(&mut connection, given.envelope.id.0).await.unwrap().unwrap();
    assert_eq!(stored.body, given.body);
    assert_eq!(stored.event.status.as_str(), "dead_letter");
    assert_eq!(stored.event.error_code.as_deref(), Some("attempts_exhausted"));
    assert_eq!(stored.event.error_message.as_deref(), Some("five times too slow"));
    assert_eq!(stored.event.processed_at, Some(NOW));
    assert_eq!(stored.headers, Some(serde_json::json!({"Nats-Msg-Id": "x"})));
}

#[tokio::test]
async fn what_is_settled_is_never_undone() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let completed = event("lead-1", INSTANT, 1);
    assert_eq!(admitted(database.pool(), &[&completed]).await, [New]);
    let copy = completed.sent_again(2);
    assert!(!record_failed(&mut connection, &copy.event(), FAILED).await.unwrap());
    assert!(record_dead(&mut connection, &completed.event(), DEAD, NOW).await.unwrap().is_none());
    assert_eq!(row(&mut connection, &completed).await, ("completed".to_owned(), 1, None));
    let copies = scalar(database.pool(), "select count(*) from webhook_event_duplicates").await;
    assert_eq!(copies, 1, "the copy's message is accounted for");

    let dead = event("lead-2", INSTANT, 3);
    assert!(record_dead(&mut connection, &dead.event(), DEAD, NOW).await.unwrap().is_some());
    assert!(!record_failed(&mut connection, &dead.event(), FAILED).await.unwrap());
    assert_eq!(admitted(database.pool(), &[&dead]).await, [Duplicate]);
    let (status, ..) = row(&mut connection, &dead).await;
    assert_eq!(status, "dead_letter");
}

#[tokio::test]
async fn a_failed_event_can_die() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    assert!(record_failed(&mut connection, &given.event(), FAILED).await.unwrap());
    assert!(
        record_dead(&mut connection, &given.event(), DEAD, NOW + Duration::HOUR).await.unwrap().is_some()
    );
    let (status, ..) = row(&mut connection, &given).await;
    assert_eq!(status, "dead_letter");
}

#[tokio::test]
async fn nothing_is_too_odd_to_be_recorded_as_dead() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut given = event(&"x".repeat(100_000), INSTANT, 7);
    assert!(!given.event().is_indexable());
    given.envelope.event_type = "\0".repeat(10_000);
    given.body = vec![255; 2_000_000];
    let error = "é\0".repeat(KEY_MAX_BYTES * 4);
    let headers = BTreeMap::from([("\0".to_owned(), "a\0b \\u0000".to_owned())]);
    let reason = Reason { error: &error, headers: Some(&headers), ..DEAD };
    assert!(record_dead(&mut connection, &given.event(), reason, NOW).await.unwrap().is_some());
    // Again, as after a redelivery.
    assert!(record_dead(&mut connection, &given.event(), reason, NOW).await.unwrap().is_none());
    let (key, length): (String, i32) =
        sqlx::query_as("select dedup_key, octet_length(last_error) from webhook_events")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!(key, format!("nats:C2S:7:{}", given.envelope.id));
    assert!(length <= 2_000);
}
