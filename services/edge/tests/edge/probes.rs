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
