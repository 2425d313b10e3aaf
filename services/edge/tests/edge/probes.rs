//! What orchestrators and monitors are told.

use futures::StreamExt as _;

use crate::harness::{Answer, Harness};

#[tokio::test]
async fn health_names_the_broker_and_asks_others_about_the_database() {
    let edge = Harness::start().await;
    let health = edge.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!((&health.body["broker"], &health.body["database"]), (&"connected".into(), &"unknown".into()));
    assert!(!health.header("x-request-id").is_empty());
}

#[tokio::test]
async fn health_repeats_what_the_service_with_the_database_says() {
    let edge = Harness::start().await;
    let mut questions = edge.bus.client().subscribe(contract::stream::DATABASE_HEALTH).await.unwrap();
    let answering = async {
        let question = questions.next().await.unwrap();
        edge.bus.client().publish(question.reply.unwrap(), "connected".into()).await.unwrap();
    };
    let (health, ()) = tokio::join!(edge.get("/health"), answering);
    assert_eq!((&health.body["status"], &health.body["database"]), (&"healthy".into(), &"connected".into()));
    // Good for a second: nobody answers a second question, and none is asked.
    assert_eq!(edge.get("/health").await.body["database"], "connected");
}

#[tokio::test]
async fn probes_are_on_both_listeners_and_metrics_on_the_private_one() {
    let edge = Harness::start().await;
    let private = async |path: &str| {
        let url = format!("http://{}{path}", edge.private_address);
        Answer::of(edge.client.get(url).send().await.unwrap()).await
    };
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(edge.get(path).await.status, 200, "{path}");
        assert_eq!(private(path).await.status, 200, "{path}");
    }
    edge.get("/metrics").await.assert_problem(404, "not_found");
    let metrics = private("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn a_refusal_beside_the_providers_is_a_problem_too() {
    let edge = Harness::start().await;
    for address in [edge.address, edge.private_address] {
        let url = |path: &str| format!("http://{address}{path}");
        let posted = Answer::of(edge.client.post(url("/health")).send().await.unwrap()).await;
        posted.assert_problem(405, "method_not_allowed");
        assert_eq!(posted.header("allow"), "GET,HEAD");
        let unknown = Answer::of(edge.client.get(url("/unknown")).send().await.unwrap()).await;
        unknown.assert_problem(404, "not_found");
    }
}
