//! Bodies that are changed before they are published again.

use bytes::Bytes;
use contract::{EventId, code};
use replay::{Change, EditError, Order, Original, edit};
use serde_json::json;
use store::replays::Job;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::given::{System, body, envelope};

impl System {
    async fn original(&self, event: EventId) -> Original {
        let mut connection = self.pool.acquire().await.unwrap();
        replay::load(&mut connection, None, &[(event.0, None)]).await.unwrap().remove(0).unwrap()
    }

    /// Publishes an event with another body.
    async fn publish_edited(&self, event: EventId, change: &Change) -> Job {
        let edited = edit::edit(event.0, &self.original(event).await, change).unwrap();
        let mut connection = self.pool.acquire().await.unwrap();
        let plan = replay::plan_edit(&mut connection, event.0, None).await.unwrap();
        let (order, now) = (Order::default(), OffsetDateTime::now_utc());
        let selection = json!({ "of": "edit" });
        let edit = Some(&edited.edit);
        let job = replay::start(&mut connection, &plan, &selection, None, &order, edit, now).await.unwrap();
        let _runner = self.runner();
        self.completed(&job).await;
        self.settled().await;
        job
    }
}

#[tokio::test]
async fn an_edited_event_is_completed_and_its_difference_kept() {
    let system = System::start().await;
    let lacking = r#"{"id":"lead-7", "n":12345678901234567890123,"attributes":{"customer":{"name":"Ana"}}}"#;
    let rejected = system.send_rejected("lead-7", code::MISSING_UPDATED_AT, lacking).await;
    assert_eq!(system.status(rejected.0).await, "dead_letter");
    let set = vec![("/attributes/updated_at".to_owned(), json!("2026-01-20T10:00:00Z"))];
    let job = system.publish_edited(rejected, &Change::Set(set)).await;

    let [replay] = system.replays_of(&job).await[..] else { panic!("one replay") };
    assert_eq!(system.status(replay.0).await, "completed");
    let (lead, stored): (String, Vec<u8>) =
        sqlx::query_as("select lead_id, body from webhook_events where id = $1")
            .bind(replay.0)
            .fetch_one(&system.pool)
            .await
            .unwrap();
    let expected =
        lacking.replace(r#""attributes":{"#, r#""attributes":{"updated_at":"2026-01-20T10:00:00Z","#);
    assert_eq!((lead.as_str(), str::from_utf8(&stored).unwrap()), ("lead-7", expected.as_str()));
    assert_eq!(system.count("select count(*) from leads where customer_name = 'Ana'").await, 1);

    let mut connection = system.pool.acquire().await.unwrap();
    let edits = store::replays::edits_of(&mut connection, rejected.0).await.unwrap();
    let [(name, diff)] = edits.as_slice() else { panic!("one edit") };
    assert_eq!(*name, job.name);
    let changed: Vec<_> =
        diff.lines().skip(2).filter(|line| line.starts_with(['+', '-'])).map(str::trim_end).collect();
    assert_eq!(changed.last(), Some(&r#"+    "updated_at": "2026-01-20T10:00:00Z""#), "{diff}");
    let kept: Vec<u8> = sqlx::query_scalar("select body from webhook_events where id = $1")
        .bind(rejected.0)
        .fetch_one(&system.pool)
        .await
        .unwrap();
    assert_eq!(kept, lacking.as_bytes(), "the original stays what it was");
    system.stop().await;
}

#[tokio::test]
async fn an_edit_that_its_provider_would_not_send_is_refused() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    let original = system.original(original).await;
    let edit = |change| edit::edit(Uuid::now_v7(), &original, &change);
    let two = format!("[{},{}]", body("lead-1"), body("lead-2"));
    for (refused, reason) in [
        ("no JSON", "malformed"),
        ("[]", "unexpected_shape"),
        (two.as_str(), "several events"),
        (r#"{"id":"lead-1","attributes":{}}"#, "missing_updated_at"),
        (r#"{"id":"lead-1","attributes":{"updated_at":"soon"}}"#, "invalid_updated_at"),
    ] {
        let error = edit(Change::Body(Bytes::from(refused.to_owned()))).unwrap_err();
        assert!(error.to_string().contains(reason), "{refused}: {error}");
    }
    let same = original.payload.clone();
    assert!(matches!(edit(Change::Body(same)), Err(EditError::Unchanged)));
    let long = body("lead-1").replace("Joao", &"x".repeat(1_000_000));
    assert!(matches!(edit(Change::Body(long.into())), Err(EditError::TooLarge { .. })));
    let nowhere = Change::Set(vec![("/no/such/place".to_owned(), json!(1))]);
    assert!(matches!(edit(nowhere), Err(EditError::Pointer { .. })));
    system.stop().await;
}

#[tokio::test]
async fn what_an_edit_breaks_of_the_schema_is_named_and_refused() {
    let system = System::start().await;
    let set = |pointer: &str, value| Change::Set(vec![(pointer.to_owned(), value)]);
    let original = system.send("poison-1").await;
    let original = system.original(original).await;
    let broken =
        edit::edit(Uuid::now_v7(), &original, &set("/internal_id", json!({"secret": 1}))).unwrap_err();
    assert!(matches!(broken, EditError::Schema { .. }), "{broken}");
    let said = broken.to_string();
    assert!(said.contains("/internal_id") && !said.contains("secret"), "{said}");
    // What its provider sent so is no fault of the edit's.
    let strange = body("poison-2").replace(r#""attributes""#, r#""internal_id":[],"attributes""#);
    let original = system.publish_as(envelope(&strange), &strange).await;
    system.settled().await;
    let original = system.original(original).await;
    edit::edit(Uuid::now_v7(), &original, &set("/attributes/customer/name", json!("Ana"))).unwrap();
    system.stop().await;
}

#[tokio::test]
async fn an_edit_says_what_its_new_body_says() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    let change = Change::Set(vec![
        ("/id".to_owned(), json!("lead-8")),
        ("/hook_action".to_owned(), json!("lead.created")),
    ]);
    let job = system.publish_edited(original, &change).await;
    let [replay] = system.replays_of(&job).await[..] else { panic!("one replay") };
    let said: (String, String, String, String, String) = sqlx::query_as(
        "select status, event_type, subject, hook_action, stream_subject from webhook_events where id = $1",
    )
    .bind(replay.0)
    .fetch_one(&system.pool)
    .await
    .unwrap();
    let expected = ["completed", "c2s.lead.created", "lead-8", "lead.created", "ingest.c2s.created"];
    assert_eq!([said.0, said.1, said.2, said.3, said.4], expected);
    system.stop().await;
}
