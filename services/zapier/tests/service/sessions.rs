//! What is stored of reports.

use std::time::Duration;

use bus::{Bus, Topology};
use contract::stream::{
    ingest_subject,
    usage::{PROVIDER, SESSIONS_CONSUMER, STREAM},
};
use serde_json::json;

use crate::given::{Service, envelope, let_pass, report};

/// Summary, category, complexity, family of the model, length.
type Row = (Option<String>, String, i16, String, Option<i32>);

#[tokio::test]
async fn a_report_counts_once_however_often_it_comes() {
    let mut service = Service::start().await;
    for number in 1..=5 {
        service.send(&report("session_1", number)).await;
    }
    service
        .counted("they are stored", "select coalesce(sum(query_count), 0)::bigint from usage_sessions", 5)
        .await;
    service.stop().await;
    // The whole stream is delivered all over again, to a consumer that remembers nothing.
    deliver_again(&service.bus).await;
    service.add_replica().await;
    service.send(&report("session_2", 1)).await;
    service.counted("the new one is stored", "select count(*) from usage_sessions", 2).await;
    assert_eq!(
        service.count("select query_count from usage_sessions where session_id = 'session_1'").await,
        5
    );
    assert_eq!(service.count("select count(*) from usage_queries").await, 6);
    assert_eq!(
        service.count("select total_tokens from usage_sessions where session_id = 'session_1'").await,
        500
    );
    service.replicas[1].shutdown.drain();
}

async fn deliver_again(bus: &Bus) {
    bus.jetstream().delete_consumer_from_stream(SESSIONS_CONSUMER, STREAM).await.unwrap();
    Topology::embedded().apply(bus, 1).await.unwrap();
}

#[tokio::test]
async fn a_session_is_the_sum_of_its_queries_in_both_shapes() {
    let service = Service::start().await;
    service
        .send(&json!({
            "session_id": "s", "event_id": "1", "query": "Please review this: the design has a problem",
            "model_name": "claude-3-opus", "response_time_ms": 3_500, "estimated_tokens": 70, "success": false,
            "timestamp": "2026-01-15T10:30:00Z", "estimated_cost": 0.25,
        }))
        .await;
    service
        .send(&json!({
            "timestamp": "2026-01-15T11:30:00Z", "session_id": "s", "event_id": "2",
            "query": {"summary": "Test query", "category": "general", "estimated_complexity": 2},
            "response": {"model_used": "gpt-4", "response_time_ms": 500, "estimated_tokens": 30, "success": true},
        }))
        .await;
    service.counted("both are stored", "select count(*) from usage_queries", 2).await;
    let session: (String, i64, i64, i64, i64, f64, Vec<String>, Vec<String>) = sqlx::query_as(
        "select session_id, query_count, success_count, failure_count, total_tokens, total_cost, models_used, categories
        from usage_sessions where created_at = '2026-01-15T10:30:00Z' and last_activity = '2026-01-15T11:30:00Z'",
    )
    .fetch_one(service.pool())
    .await
    .unwrap();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        session,
        (
            "s".to_owned(),
            2,
            1,
            1,
            100,
            0.25,
            words(&["claude-3-opus", "gpt-4"]),
            words(&["code_review", "general"])
        )
    );
    let queries: Vec<Row> = sqlx::query_as(
        "select summary, category, estimated_complexity, model_used, query_chars from usage_queries order by asked_at",
    )
    .fetch_all(service.pool())
    .await
    .unwrap();
    assert_eq!(
        queries,
        [
            (
                Some("Please review this: the design has a problem".to_owned()),
                "code_review".to_owned(),
                3,
                "claude-3".to_owned(),
                Some(44)
            ),
            (Some("Test query".to_owned()), "general".to_owned(), 2, "gpt-4".to_owned(), None),
        ]
    );
    service.stop().await;
}

#[tokio::test]
async fn a_thousand_reports_are_stored_and_a_test_counts_nowhere() {
    let service = Service::start().await;
    for number in 0..1_000 {
        service.send(&report(&format!("session_{}", number % 10), number)).await;
    }
    service.send(&json!({"test": true, "message": "Health check from GPT-Bridge"})).await;
    service
        .counted(
            "all are in the ledger",
            "select count(*) from webhook_events where status = 'completed'",
            1_001,
        )
        .await;
    assert_eq!(service.count("select count(*) from usage_queries").await, 1_000);
    assert_eq!(service.count("select count(*) from usage_sessions where query_count = 100").await, 10);
    service
        .counted(
            "both consumers are done",
            "select count(*) from event_handlings where status = 'completed'",
            1_001,
        )
        .await;
    service.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_is_not_believed() {
    let service = Service::start().await;
    service.send(&json!({"session_id": "s", "timestamp": "2999-01-01T00:00:00Z"})).await;
    service
        .counted(
            "it is stored",
            "select count(*) from usage_queries where asked_at < now() + interval '1 hour'",
            1,
        )
        .await;
    service.stop().await;
}

#[tokio::test]
async fn a_report_that_was_refused_is_dead_once_and_keeps_nobody_waiting() {
    let service = Service::start().await;
    let body = json!({"query": "whose?"});
    service.publish(envelope(&body), ingest_subject(PROVIDER, "rejected"), &body).await;
    service.send(&report("s", 1)).await;
    service
        .counted("it is dead", "select count(*) from webhook_events where status = 'dead_letter'", 1)
        .await;
    service.counted("the other is stored", "select count(*) from usage_queries", 1).await;
    service
        .counted(
            "the dispatcher has nothing to do",
            "select count(*) from event_handlings where status = 'completed'",
            2,
        )
        .await;
    let_pass(Duration::from_millis(100)).await;
    assert_eq!(service.count("select count(*) from dead_letters").await, 1, "of its primary consumer alone");
    service.stop().await;
}
