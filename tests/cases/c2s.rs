//! Leads from the POST to the row.

use e2e::{Lead, Options, System};
use serde_json::json;
use sqlx::Row as _;

const EVENTS: &str = "select count(*) from webhook_events where status = 'completed'";

#[tokio::test]
async fn a_lead_becomes_a_row_with_its_exact_bytes() {
    let system = System::start(Options::default()).await;
    let body = Lead::new("lead-1").json().to_string().replace(',', " ,  ");
    let reply = system.post_bytes(body.clone(), &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, json!({"status": "received", "received": 1, "processed": 1, "duplicates": 0}));
    system.until_count(EVENTS, 1).await;

    let row = sqlx::query(
        "select e.body, e.payload ->> 'id' as lead, hook_action, event_type from webhook_events e",
    )
    .fetch_one(system.pool())
    .await
    .unwrap();
    assert_eq!(row.get::<Vec<u8>, _>("body"), body.as_bytes());
    assert_eq!(row.get::<String, _>("lead"), "lead-1");
    assert_eq!(row.get::<String, _>("event_type"), "c2s.lead.created");
    assert_eq!(system.count("select count(*) from leads where customer_name = 'Joao Exemplo'").await, 1);
}

#[tokio::test]
async fn an_older_update_that_comes_late_is_kept_but_overwrites_nothing() {
    let system = System::start(Options::default()).await;
    let mut newer = Lead::new("lead-1").at("2026-01-20T12:00:00Z").json();
    newer["attributes"]["customer"]["name"] = json!("Newer Name");
    let mut older = Lead::new("lead-1").at("2026-01-20T11:00:00Z").json();
    older["attributes"]["customer"]["name"] = json!("Older Name");
    system.post(&newer).await;
    system.until_count(EVENTS, 1).await;
    assert_eq!(system.post(&older).await.body["processed"], 1);
    system.until_count(EVENTS, 2).await;
    assert_eq!(system.count("select count(*) from leads where customer_name = 'Newer Name'").await, 1);
    assert_eq!(system.count("select count(*) from lead_events where lead_id = 'lead-1'").await, 2);
}

#[tokio::test]
async fn a_duplicate_after_the_streams_window_has_no_second_effect() {
    let system = System::start(Options {
        topology: Some(|topology| topology.streams.get_mut("C2S").unwrap().duplicate_window_seconds = 1),
        ..Options::default()
    })
    .await;
    let lead = Lead::new("lead-1").json();
    system.post(&lead).await;
    system.until_count(EVENTS, 1).await;
    // The stream has forgotten when it calls the same event new again.
    testkit::eventually("the window has passed", e2e::DEADLINE, async || {
        (system.post(&lead).await.body["processed"] == 1).then_some(())
    })
    .await;
    system.until_count("select count(*) from webhook_event_duplicates", 1).await;
    system.until_settled().await;
    assert_eq!(system.count("select count(*) from webhook_events").await, 1);
    assert_eq!(system.count("select count(*) from lead_events").await, 1);
}

#[tokio::test]
async fn what_is_invalid_is_answered_400_and_kept_as_a_dead_letter() {
    let system = System::start(Options::default()).await;
    let reply = system.post(&json!({"id": "lead-9", "attributes": {"updated_at": "yesterday"}})).await;
    assert_eq!((reply.status, reply.body["code"].as_str()), (400, Some("invalid_updated_at")));
    let batch = json!([Lead::new("ok-1").json(), {"id": "lead-8", "attributes": {}}]);
    let reply = system.post(&batch).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        json!({"status":"received","received":2,"processed":1,"duplicates":0,"rejected":1})
    );
    system.until_count("select count(*) from webhook_events where status = 'dead_letter'", 2).await;
    system.until_count(EVENTS, 1).await;
    let codes: Vec<String> = sqlx::query_scalar(
        "select error_code from webhook_events where status = 'dead_letter' order by error_code",
    )
    .fetch_all(system.pool())
    .await
    .unwrap();
    assert_eq!(codes, ["invalid_updated_at", "missing_updated_at"]);
}
