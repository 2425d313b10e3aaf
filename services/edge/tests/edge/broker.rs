//! The broker hangs, dies, comes back.

use std::time::Instant;

use testkit::eventually;

use crate::harness::{Harness, LEAD, PUBLISH_TIMEOUT, SOON, lead};

#[tokio::test]
async fn a_broker_that_hangs_is_a_503_in_time() {
    let edge = Harness::start().await;
    edge.post(LEAD).await.assert_counts(1, 1, 0);
    edge.broker.pause();
    let started = Instant::now();
    let batch = format!("[{},{}]", lead("a", "2026-01-20T10:00:00Z"), lead("b", "2026-01-20T10:00:00Z"));
    let answer = edge.post(batch.clone()).await;
    let took = started.elapsed();
    edge.broker.resume();
    answer.assert_problem(503, "stream_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert!(took >= PUBLISH_TIMEOUT && took < PUBLISH_TIMEOUT * 8, "{took:?}");
    eventually("the sender's repeat is accepted", SOON, async || {
        (edge.post(batch.clone()).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(edge.stored().await, 3, "whatever the broker took the first time is there once");
}

#[tokio::test]
async fn a_delivery_that_takes_longer_than_its_sender_waits_is_a_503() {
    let edge = Harness::with(|settings| crate::harness::c2s(settings).answer_timeout_ms = 1).await;
    edge.broker.pause();
    let answer = edge.post(LEAD).await;
    edge.broker.resume();
    answer.assert_problem(503, "stream_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn what_got_200_is_on_the_stream_after_the_broker_was_killed() {
    let mut edge = Harness::start().await;
    let mut accepted = 0_u64;
    for n in 0..50 {
        edge.post(lead(&format!("lead-{n}"), "2026-01-20T10:00:00Z")).await.assert_counts(1, 1, 0);
        accepted += 1;
    }
    edge.broker.kill();
    let answer = edge.post(lead("lead-late", "2026-01-20T10:00:00Z")).await;
    answer.assert_problem(503, "stream_unavailable");
    eventually("readiness says so", SOON, async || (edge.get("/readyz").await.status == 503).then_some(()))
        .await;
    let health = edge.get("/health").await;
    assert_eq!((health.status.as_u16(), &health.body["broker"]), (503, &"disconnected".into()));

    edge.broker.restart().await;
    eventually("the edge is back by itself", SOON, async || {
        (edge.post(lead("lead-late", "2026-01-20T10:00:00Z")).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(edge.stored().await, accepted + 1);
    assert_eq!(edge.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_stream_that_is_full_is_a_503_that_does_not_say_so() {
    let edge = Harness::start().await;
    let jetstream = edge.bus.jetstream();
    let mut config = jetstream.get_stream("C2S").await.unwrap().cached_info().config.clone();
    config.max_messages = 1;
    jetstream.update_stream(config).await.unwrap();
    edge.post(LEAD).await.assert_counts(1, 1, 0);
    let answer = edge.post(lead("one-too-many", "2026-01-20T10:00:00Z")).await;
    answer.assert_problem(503, "stream_unavailable");
    let body = answer.body.to_string();
    assert!(!body.contains("maximum") && !body.contains("C2S"), "{body}");
}
