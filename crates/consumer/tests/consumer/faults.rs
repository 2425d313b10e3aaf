//! Dependencies away, broker killed, process stopping: nothing is lost, and no attempt is wasted.

use std::{sync::atomic::Ordering, time::Duration};

use lifecycle::Shutdown;
use testkit::eventually;

use crate::kit::{DEADLINE, Kit, start};

#[tokio::test]
async fn a_dependency_that_is_away_costs_no_attempts() {
    let kit = Kit::start(&[]).await;
    kit.seen.away.store(true, Ordering::SeqCst);
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
    let kit = Kit::start(&[]).await;
    kit.seen.away.store(true, Ordering::SeqCst);
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
    assert_eq!(
        kit.seen.done.lock().unwrap()[0],
        ("a:1".to_owned(), 2),
        "one attempt for the stop, not one more"
    );
    eventually("the poison is dead", DEADLINE, async || {
        (kit.seen.dead.lock().unwrap().len() == 1).then_some(())
    })
    .await;
}
