//! The server counts deliveries; an event dies of attempts. Killed and stopped processes must not cost it any.

use std::{sync::atomic::Ordering, time::Duration};

use consumer::Source;
use contract::code;
use lifecycle::Shutdown;
use testkit::eventually;

use crate::kit::{DEADLINE, Incarnation, Kit, settings, start};

/// Waits until the service is at work on the deadly event, or gave it up.
async fn at_work_or_dead(kit: &Kit) -> bool {
    eventually("it is at work on it, or has given it up", DEADLINE, async || {
        let at_work = kit.seen.at_work.swap(false, Ordering::SeqCst);
        let is_over = !kit.seen.dead.lock().unwrap().is_empty();
        (at_work || is_over).then_some(at_work)
    })
    .await
}

#[tokio::test]
async fn an_event_that_kills_the_process_is_dead_and_its_neighbours_are_done() {
    let neighbours: Vec<_> = (0..60).map(|n| format!("a:{n:02}")).collect();
    let mut bodies: Vec<_> = neighbours.iter().map(String::as_str).collect();
    bodies.insert(20, "kills:1");
    let kit = Kit::without_service(&bodies).await;
    kit.seen.deadly.store(true, Ordering::SeqCst);
    let mut killed = 0;
    loop {
        let incarnation = Incarnation::start(&kit).await;
        if !at_work_or_dead(&kit).await {
            incarnation.kill();
            break;
        }
        incarnation.kill();
        killed += 1;
    }
    // Twice in company, which says nothing of it, and four times on record.
    assert_eq!(killed, 6);
    let dead = kit.seen.dead.lock().unwrap().clone();
    assert_eq!((dead.len(), dead[0].0.as_str(), dead[0].1), (1, "kills:1", code::PROCESS_DIED));
    let mut done = kit.seen.done.lock().unwrap().clone();
    done.sort_unstable();
    let names: Vec<_> = done.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(names, neighbours, "each of them once");
}

#[tokio::test]
async fn restarts_at_work_cost_no_attempt() {
    let kit = Kit::without_service(&["a:1", "slow:1", "a:2"]).await;
    kit.seen.deadly.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let incarnation = Incarnation::start(&kit).await;
        assert!(at_work_or_dead(&kit).await);
        incarnation.kill();
    }
    kit.seen.deadly.store(false, Ordering::SeqCst);
    let _incarnation = Incarnation::start(&kit).await;
    kit.until_done(3).await;
    assert!(kit.seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1));
}

#[tokio::test]
async fn ten_rolling_restarts_while_a_dependency_is_away_dead_letter_nothing() {
    let mut kit = Kit::start_then_away(Duration::ZERO).await;
    let (other_seen, mut other) = (kit.seen.clone(), Shutdown::default());
    start(&kit.bus, &other_seen, &other).await;
    kit.publish(&["a:1", "a:2", "fails:1"]).await;
    eventually("they are in its hands", DEADLINE, async || (kit.account.received() > 1).then_some(())).await;
    for _ in 0..5 {
        kit.restart().await;
        other.drain();
        other.finished(DEADLINE).await;
        other = Shutdown::default();
        start(&kit.bus, &other_seen, &other).await;
        // Long enough for what was given back to come again.
        kit.let_pass(Duration::from_millis(2_500)).await;
    }
    assert!(kit.seen.dead.lock().unwrap().is_empty());
    kit.seen.away.store(false, Ordering::SeqCst);
    kit.until_done(2).await;
    eventually("what always fails is dead", DEADLINE, async || {
        (kit.seen.dead.lock().unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(kit.seen.failed.lock().unwrap().len(), 3, "it had all its attempts");
    assert!(kit.seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1));
}

#[tokio::test]
async fn a_consumer_without_deliveries_to_spare_is_refused() {
    let kit = Kit::start(&[]).await;
    let mut tight = settings();
    tight.attempts_max = 9;
    let source = Source { stream: "C2S", consumer: "c2s-leads" };
    let refused = kit.start_with(&tight, source).await.unwrap_err().to_string();
    assert!(refused.contains("9 times at most") && refused.contains("attempts_max = 9"), "{refused}");
}
