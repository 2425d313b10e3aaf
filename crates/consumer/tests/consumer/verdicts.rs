//! Done, failed, dead: each event gets its own verdict, whoever came with it.

use std::sync::atomic::Ordering;

use contract::code;
use futures::StreamExt as _;
use testkit::eventually;

use crate::kit::{ACK_WAIT, DEADLINE, Kit};

#[tokio::test]
async fn a_poison_event_is_dead_and_its_neighbours_are_done() {
    let kit = Kit::start(&["a:1", "a:2", "poison:1", "a:3", "poison:2", "a:4"]).await;
    let seen = kit.seen.clone();
    assert_eq!(kit.finish().await, ["a:1", "a:2", "a:3", "a:4"]);
    let mut dead = seen.dead.lock().unwrap().clone();
    dead.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        dead.iter().map(|(body, code, _)| (body.as_str(), *code)).collect::<Vec<_>>(),
        [("poison:1", code::NOT_STORABLE), ("poison:2", code::NOT_STORABLE)]
    );
    assert!(seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1), "neighbours lost no attempt");
}

#[tokio::test]
async fn a_flaky_event_comes_again_until_it_works() {
    let kit = Kit::start(&["flaky:1", "a:1"]).await;
    let seen = kit.seen.clone();
    assert_eq!(kit.finish().await, ["a:1", "flaky:1"]);
    assert!(seen.done.lock().unwrap().contains(&("flaky:1".to_owned(), 3)));
    assert_eq!(seen.failed.lock().unwrap().len(), 2, "every failed attempt was recorded");
}

#[tokio::test]
async fn an_event_that_always_fails_is_dead_after_its_last_attempt() {
    let kit = Kit::start(&["fails:1", "panics:1"]).await;
    let seen = kit.seen.clone();
    let account = kit.account.clone();
    assert!(kit.finish().await.is_empty());
    let mut dead = seen.dead.lock().unwrap().clone();
    dead.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead.iter().all(|(_, code, _)| *code == code::ATTEMPTS_EXHAUSTED));
    assert!(dead[0].2.contains("not now"), "the last error is kept: {dead:?}");
    assert!(dead[1].2.contains("on purpose"), "a panic's message too: {dead:?}");
    assert_eq!((account.dead(), account.retried(), account.completed()), (2, 6, 0));
}

#[tokio::test]
async fn what_the_edge_rejected_is_dead_without_being_tried() {
    let kit = Kit::start(&["rejected:1", "a:1"]).await;
    let seen = kit.seen.clone();
    assert_eq!(kit.finish().await, ["a:1"]);
    assert_eq!(seen.dead.lock().unwrap()[0].1, code::MISSING_UPDATED_AT);
    assert!(!seen.calls.lock().unwrap().contains_key("rejected:1"));
}

#[tokio::test]
async fn a_message_that_is_not_ours_is_dead_with_its_reason_in_the_advisory() {
    let kit = Kit::start(&[]).await;
    let mut advisories =
        kit.bus.client().subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await.unwrap();
    kit.bus.jetstream().publish("ingest.c2s.created", "stranger".into()).await.unwrap().await.unwrap();
    let advisory = tokio::time::timeout(DEADLINE, advisories.next()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&advisory.payload).contains(code::ENVELOPE_INVALID.as_str()));
    let seen = kit.seen.clone();
    assert!(kit.finish().await.is_empty());
    let dead = seen.dead.lock().unwrap().clone();
    assert_eq!((dead[0].0.as_str(), dead[0].1), ("stranger", code::ENVELOPE_INVALID));
}

#[tokio::test]
async fn slow_work_is_not_delivered_a_second_time() {
    let kit = Kit::start(&[]).await;
    kit.seen.held.store(true, Ordering::SeqCst);
    kit.publish(&["slow:1"]).await;
    eventually("it began", DEADLINE, async || {
        kit.seen.calls.lock().unwrap().contains_key("slow:1").then_some(())
    })
    .await;
    kit.let_pass(ACK_WAIT * 3).await;
    kit.seen.held.store(false, Ordering::SeqCst);
    let seen = kit.seen.clone();
    assert_eq!(kit.finish().await, ["slow:1"]);
    assert_eq!(seen.calls.lock().unwrap()["slow:1"], 1);
}

#[tokio::test]
async fn received_is_settled_plus_in_flight_after_everything() {
    let kit = Kit::start(&["a:1", "poison:1", "flaky:1", "panics:1", "fails:1", "rejected:1", "a:2"]).await;
    let account = kit.account.clone();
    assert_eq!(kit.finish().await, ["a:1", "a:2", "flaky:1"]);
    assert_eq!(account.received(), account.completed() + account.retried() + account.dead());
    assert_eq!((account.completed(), account.dead()), (3, 4));
}
