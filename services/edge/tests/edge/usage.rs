//! What a reporting application sees (providers.md, section 6.5) and what its deliveries leave on the stream.

use config::{List, Secret};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::harness::{Answer, Harness};

const PATH: &str = "/api/webhook/usage";
const TOKEN: &str = "whsec-test-secret-0001";
const REPORT: &str = r#"{"session_id":"session_123","query":"Test query","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;

async fn edge() -> Harness {
    Harness::with(|settings| {
        let usage = settings.providers.get_mut("usage").unwrap();
        usage.enabled = true;
        usage.secrets = List(vec![Secret::from(TOKEN)]);
    })
    .await
}

fn request(edge: &Harness, body: &str) -> RequestBuilder {
    edge.client.post(edge.url(PATH)).body(body.to_owned())
}

async fn post(edge: &Harness, body: &str) -> Answer {
    Answer::of(request(edge, body).bearer_auth(TOKEN).send().await.unwrap()).await
}

#[tokio::test]
async fn a_report_is_taken_by_token_or_signature_and_not_otherwise() {
    let edge = edge().await;
    post(&edge, REPORT).await.assert_counts(1, 1, 0);
    let signature = "sha256=8faeb78d8d8dc2b5dbc5f9efa34e8a0afa04d76e898a3526980d73e90c01ed3d";
    let signed = request(&edge, REPORT).header("X-Webhook-Signature", signature);
    Answer::of(signed.send().await.unwrap()).await.assert_counts(1, 0, 1);
    let other_body = request(&edge, "{}").header("X-Webhook-Signature", signature);
    Answer::of(other_body.send().await.unwrap()).await.assert_problem(401, "unauthorized");
    let wrong = request(&edge, REPORT).bearer_auth("wrong");
    Answer::of(wrong.send().await.unwrap()).await.assert_problem(401, "unauthorized");
    Answer::of(request(&edge, REPORT).send().await.unwrap()).await.assert_problem(401, "unauthorized");

    let stream = edge.bus.jetstream().get_stream("USAGE").await.unwrap();
    let message = stream.get_last_raw_message_by_subject("ingest.usage.event").await.unwrap();
    assert_eq!(message.payload, REPORT);
    for (name, value) in
        [("ce-subject", "session_123"), ("ce-type", "usage.query.reported"), ("ce-source", PATH)]
    {
        assert_eq!(message.headers.get(name).unwrap().as_str(), value);
    }
}

#[tokio::test]
async fn an_idempotency_key_names_a_delivery_whatever_is_in_it() {
    let edge = edge().await;
    for (name, counts) in [("Idempotency-Key", (1, 1, 0)), ("webhook-id", (1, 0, 1))] {
        for (body, (received, processed, duplicates)) in
            [(REPORT, counts), (r#"{"session_id":"other"}"#, (1, 0, 1))]
        {
            let request = request(&edge, body).bearer_auth(TOKEN).header(name, "msg_0001");
            Answer::of(request.send().await.unwrap()).await.assert_counts(received, processed, duplicates);
        }
    }
}

#[tokio::test]
async fn a_thousand_reports_in_one_delivery_are_a_thousand_events_and_once() {
    let edge = edge().await;
    let reports: Vec<_> =
        (0..1_000).map(|number| json!({"session_id": "s", "event_id": format!("e-{number}")})).collect();
    let batch = json!(reports).to_string();
    post(&edge, &batch).await.assert_counts(1_000, 1_000, 0);
    post(&edge, &json!({ "events": reports }).to_string()).await.assert_counts(1_000, 0, 1_000);
    let mixed = format!(r#"[{REPORT},{{"query":"whose?"}},7,{{"test":true}}]"#);
    let answer = post(&edge, &mixed).await;
    assert_eq!(
        answer.body,
        json!({"status": "received", "received": 4, "processed": 2, "duplicates": 0, "rejected": 2})
    );
    post(&edge, "{}").await.assert_problem(400, "missing_session_id");
    post(&edge, "nonsense").await.assert_problem(400, "malformed");
    post(&edge, "[]").await.assert_counts(0, 0, 0);
}
