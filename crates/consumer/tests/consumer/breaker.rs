//! A handler that kills everything pauses its consumer instead.

use std::{sync::atomic::Ordering, time::Duration};

use lifecycle::Health;
use testkit::eventually;

use crate::kit::{DEAD_LETTERS_MAX, DEADLINE, Kit};

const POISON: u64 = 500;

async fn poisoned() -> Kit {
    let bodies: Vec<_> = (0..POISON).map(|n| format!("poison:{n}")).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let kit = Kit::start(&bodies).await;
    eventually("the consumer is paused", DEADLINE, async || kit.info().await?.paused.then_some(())).await;
    kit
}

fn dead(kit: &Kit) -> u64 {
    kit.seen.dead.lock().unwrap().len() as u64
}

#[tokio::test]
async fn dead_letters_above_the_limit_pause_the_consumer() {
    let kit = poisoned().await;
    // The first pause and the second one, of twice its length.
    kit.let_pass(Duration::from_secs(5)).await;
    assert_eq!(dead(&kit), DEAD_LETTERS_MAX);
    let info = kit.info().await.unwrap();
    assert_eq!(info.num_pending + info.num_ack_pending as u64, POISON - DEAD_LETTERS_MAX);
    assert!(info.paused, "a pause that goes on is renewed");
    let report = Health::new(&kit.shutdown).report().await;
    assert_eq!((report.status, report.states["c2s-leads"]), ("degraded", "paused: too many dead letters"));
}

#[tokio::test]
async fn a_consumer_resumes_by_itself_once_its_handler_works() {
    let kit = poisoned().await;
    kit.seen.cured.store(true, Ordering::SeqCst);
    let expected = usize::try_from(POISON - DEAD_LETTERS_MAX).unwrap();
    kit.until_done(expected).await;
    assert!(!kit.info().await.unwrap().paused);
    assert_eq!(dead(&kit), DEAD_LETTERS_MAX);
    let (seen, shutdown) = (kit.seen.clone(), kit.shutdown.clone());
    eventually("health says so", DEADLINE, async || {
        (Health::new(&shutdown).report().await.states["c2s-leads"] == "consuming").then_some(())
    })
    .await;
    assert_eq!(kit.finish().await.len(), expected);
    assert_eq!(seen.done.lock().unwrap().len(), expected, "each once");
}

#[tokio::test]
async fn a_resumed_consumer_whose_handler_still_kills_pauses_again() {
    let kit = poisoned().await;
    kit.resume().await;
    eventually("more died", DEADLINE, async || (dead(&kit) > DEAD_LETTERS_MAX).then_some(())).await;
    eventually("it is paused again", DEADLINE, async || kit.info().await?.paused.then_some(())).await;
    kit.let_pass(Duration::from_secs(1)).await;
    assert_eq!(dead(&kit), 2 * DEAD_LETTERS_MAX);
}

#[tokio::test]
async fn a_process_that_stops_while_paused_leaves_the_rest_on_the_stream() {
    let mut kit = poisoned().await;
    kit.seen.cured.store(true, Ordering::SeqCst);
    kit.restart().await;
    assert!(kit.info().await.unwrap().paused, "the successor does not begin where its predecessor stopped");
    assert_eq!(dead(&kit), DEAD_LETTERS_MAX);
    kit.resume().await;
    kit.until_done(usize::try_from(POISON - DEAD_LETTERS_MAX).unwrap()).await;
    assert_eq!(dead(&kit), DEAD_LETTERS_MAX);
}

#[tokio::test]
async fn what_an_operator_paused_is_reported_and_never_resumed_by_us() {
    let kit = Kit::start(&["a:1"]).await;
    kit.until_done(1).await;
    kit.pause(Duration::from_mins(10)).await;
    let shutdown = kit.shutdown.clone();
    eventually("health says so", DEADLINE, async || {
        (Health::new(&shutdown).report().await.states.get("c2s-leads")? == &"paused: on the server")
            .then_some(())
    })
    .await;
    kit.publish(&["a:2"]).await;
    kit.let_pass(Duration::from_secs(2)).await;
    assert!(kit.info().await.unwrap().paused);
    assert_eq!(kit.account.received(), 1);
    kit.resume().await;
    kit.until_done(2).await;
}
