//! Dependencies away, broker killed, process stopping: nothing is lost, and no attempt is wasted.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use lifecycle::Shutdown;
use testkit::eventually;

use crate::kit::{ACK_WAIT, DEADLINE, Kit, start};

#[tokio::test]
async fn a_dependency_that_is_away_costs_no_attempts() {
    let kit = Kit::start_then_away(Duration::ZERO).await;
    kit.publish(&["a:1", "a:2", "poison:1"]).await;
    eventually("it was tried several times", DEADLINE, async || {
        (kit.seen.calls.lock().unwrap().get("a:1").copied().unwrap_or_default() >= 5).then_some(())
    })
    .await;
    kit.seen.away.store(false, Ordering::SeqCst);
    let (seen, account) = (kit.seen.clone(), kit.account.clone());
    assert_eq!(kit.finish().await, ["a:1", "a:2"]);
    assert!(seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1));
    assert_eq!((account.retried(), account.dead()), (0, 1));
}

#[tokio::test]
async fn events_flow_again_after_the_broker_was_killed() {
    let mut kit = Kit::start(&["a:1"]).await;
    kit.until_done(1).await;
    kit.broker.kill();
    kit.broker.restart().await;
    kit.bus.connected().await;
    kit.publish(&["a:2"]).await;
    kit.until_done(2).await;
    let done = kit.finish().await;
    assert!(done.contains(&"a:2".to_owned()), "{done:?}");
}

#[tokio::test]
async fn a_drain_waits_for_the_event_in_flight() {
    let kit = Kit::start(&[]).await;
    kit.seen.held.store(true, Ordering::SeqCst);
    kit.publish(&["slow:1"]).await;
    eventually("it began", DEADLINE, async || {
        kit.seen.calls.lock().unwrap().contains_key("slow:1").then_some(())
    })
    .await;
    kit.shutdown.drain();
    futures::join!(kit.shutdown.finished(Duration::from_secs(10)), async {
        assert_eq!(kit.account.in_flight(), 1);
        kit.seen.held.store(false, Ordering::SeqCst);
    });
    assert_eq!((kit.account.completed(), kit.account.in_flight()), (1, 0));
}

#[tokio::test]
async fn a_drain_while_a_dependency_is_away_gives_the_events_back() {
    let kit = Kit::start_then_away(Duration::ZERO).await;
    kit.publish(&["a:1", "poison:1"]).await;
    eventually("it was tried", DEADLINE, async || {
        kit.seen.calls.lock().unwrap().contains_key("a:1").then_some(())
    })
    .await;
    kit.shutdown.drain();
    kit.shutdown.finished(Duration::from_secs(10)).await;
    assert_eq!((kit.account.in_flight(), kit.account.dead()), (0, 0));

    kit.seen.away.store(false, Ordering::SeqCst);
    let successor = Shutdown::default();
    start(&kit.bus, &kit.seen, &successor).await;
    kit.until_done(1).await;
    assert_eq!(kit.seen.done.lock().unwrap()[0], ("a:1".to_owned(), 1), "a stop costs no attempt");
    eventually("the poison is dead", DEADLINE, async || {
        (kit.seen.dead.lock().unwrap().len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refused_event_is_not_delivered_again_while_its_neighbours_wait() {
    let kit = Kit::start_then_away(Duration::from_secs(1)).await;
    kit.publish(&["a:1", "a:2", "rejected:1", "rejected:2"]).await;
    eventually("all are in its hands", DEADLINE, async || (kit.account.received() == 5).then_some(())).await;
    kit.let_pass(ACK_WAIT * 3).await;
    kit.seen.away.store(false, Ordering::SeqCst);
    let account = kit.account.clone();
    assert_eq!(kit.finish().await, ["a:1", "a:2"]);
    assert_eq!((account.received(), account.dead()), (5, 2), "each was delivered once");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_broker_that_is_away() {
    let mut kit = Kit::start(&["a:1"]).await;
    kit.until_done(1).await;
    kit.broker.kill();
    eventually("the broker is missed", DEADLINE, async || (!kit.bus.is_connected()).then_some(())).await;
    kit.let_pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    kit.shutdown.drain();
    kit.shutdown.finished(Duration::from_secs(10)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_event_on_its_last_attempt_waits_for_a_journal_that_fails() {
    let kit = Kit::start(&[]).await;
    kit.seen.journal_fails.store(true, Ordering::SeqCst);
    kit.publish(&["fails:1", "a:1"]).await;
    eventually("the last attempt was made", DEADLINE, async || {
        (kit.seen.calls.lock().unwrap().get("fails:1").copied().unwrap_or_default() >= 4).then_some(())
    })
    .await;
    kit.let_pass(ACK_WAIT * 2).await;
    kit.seen.journal_fails.store(false, Ordering::SeqCst);
    let (seen, account) = (kit.seen.clone(), kit.account.clone());
    assert_eq!(kit.finish().await, ["a:1"]);
    assert_eq!(
        seen.dead.lock().unwrap().len(),
        1,
        "its verdict is recorded, not lost with its last delivery"
    );
    assert_eq!(account.dead(), 1);
}

#[tokio::test]
async fn restarts_while_a_dependency_is_away_cost_one_attempt_at_most() {
    let mut kit = Kit::start_then_away(Duration::ZERO).await;
    kit.publish(&["a:1", "a:2"]).await;
    eventually("they are in its hands", DEADLINE, async || (kit.account.received() > 1).then_some(())).await;
    // More often than an event may be delivered.
    for _ in 0..6 {
        kit.restart().await;
        // Long enough for what was given back to come again.
        kit.let_pass(Duration::from_secs(3)).await;
    }
    kit.seen.away.store(false, Ordering::SeqCst);
    kit.until_done(2).await;
    assert!(kit.seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt <= 2));
    assert_eq!(kit.finish().await, ["a:1", "a:2"]);
}

#[tokio::test]
async fn a_drain_asks_once_for_what_is_away_and_not_once_for_each_batch() {
    let kit = Kit::start_then_away(Duration::from_secs(3)).await;
    for number in 1..=8 {
        kit.publish(&[&format!("a:{number}")]).await;
        eventually("it is in its hands", DEADLINE, async || (kit.account.received() > number).then_some(()))
            .await;
    }
    let began = Instant::now();
    kit.shutdown.drain();
    kit.shutdown.finished(Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(kit.account.in_flight(), 0);
}

#[tokio::test]
async fn a_dependency_that_freezes_at_work_costs_no_attempt() {
    let kit = Kit::start(&["freezes:1"]).await;
    eventually("it froze", DEADLINE, async || kit.seen.frozen.load(Ordering::SeqCst).then_some(())).await;
    // Past the time that handling may take.
    kit.let_pass(Duration::from_secs(6)).await;
    kit.seen.away.store(false, Ordering::SeqCst);
    let seen = kit.seen.clone();
    assert_eq!(kit.finish().await, ["freezes:1"]);
    assert_eq!(seen.done.lock().unwrap()[0].1, 1);
    assert!(seen.failed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_used_again_once_it_is_back() {
    let kit = Kit::start(&["a:1"]).await;
    kit.until_done(1).await;
    kit.bus.jetstream().delete_consumer_from_stream("c2s-leads", "C2S").await.unwrap();
    let sent = || kit.bus.client().statistics().out_messages.load(Ordering::Relaxed);
    kit.let_pass(Duration::from_secs(1)).await;
    let before = sent();
    kit.let_pass(Duration::from_secs(2)).await;
    assert!(sent() - before < 30, "{} messages: it asks without a pause", sent() - before);
    kit.provision().await;
    kit.publish(&["a:2"]).await;
    // The new consumer begins at the stream's first message.
    kit.until_done(3).await;
    assert_eq!(kit.finish().await, ["a:1", "a:1", "a:2"]);
}

#[tokio::test]
async fn many_short_steps_of_a_batch_starve_no_progress_marks() {
    let bodies: Vec<_> = (0..18).map(|n| format!("poison:{n}")).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let kit = Kit::start(&[]).await;
    // Each of them far below the interval of the marks, all of them far above the acknowledgement wait.
    kit.seen.record_ms.store(150, Ordering::SeqCst);
    kit.publish(&bodies).await;
    let account = kit.account.clone();
    assert!(kit.finish().await.is_empty());
    assert_eq!((account.received(), account.dead()), (18, 18), "each was delivered once");
}
