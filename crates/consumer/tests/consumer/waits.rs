//! Limits and paused destinations: events wait in hand, and it costs them nothing.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use lifecycle::Shutdown;
use testkit::eventually;

use crate::kit::{ACK_WAIT, DEADLINE, Kit, start};

/// Starts the service under a limit, with `bodies` in its hands.
async fn limited(after: Duration, bodies: &[&str]) -> Kit {
    let kit = Kit::start(&["first"]).await;
    kit.until_done(1).await;
    kit.seen.done.lock().unwrap().clear();
    kit.seen.limited_ms.store(u64::try_from(after.as_millis()).unwrap(), Ordering::SeqCst);
    kit.publish(bodies).await;
    eventually("it waits", DEADLINE, async || {
        kit.seen.calls.lock().unwrap().contains_key("limited:1").then_some(())
    })
    .await;
    kit
}

#[tokio::test]
async fn a_wait_costs_no_attempt_and_nothing_more_is_pulled_meanwhile() {
    let kit = limited(Duration::from_millis(100), &["limited:1"]).await;
    // A pull that was on its way when the wait began may still bring something.
    kit.let_pass(Duration::from_millis(1_500)).await;
    let received = kit.account.received();
    kit.publish(&["a:1"]).await;
    kit.let_pass(Duration::from_secs(2)).await;
    assert_eq!(kit.account.received(), received);
    assert!(kit.seen.calls.lock().unwrap()["limited:1"] >= 5, "it was asked again and again");
    kit.seen.limited_ms.store(0, Ordering::SeqCst);
    let (seen, account) = (kit.seen.clone(), kit.account.clone());
    assert_eq!(kit.finish().await, ["a:1", "limited:1"]);
    assert!(seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1));
    assert!(seen.failed.lock().unwrap().is_empty());
    assert_eq!((account.retried(), account.dead()), (0, 0));
}

#[tokio::test]
async fn a_long_wait_in_the_middle_of_a_batch_starves_no_progress_marks() {
    let kit = limited(ACK_WAIT * 4, &["limited:1", "a:1", "rejected:1"]).await;
    kit.let_pass(ACK_WAIT * 3).await;
    kit.seen.limited_ms.store(0, Ordering::SeqCst);
    let (seen, account) = (kit.seen.clone(), kit.account.clone());
    assert_eq!(kit.finish().await, ["a:1", "limited:1"]);
    assert!(seen.done.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1), "nothing came twice");
    assert_eq!((account.received(), account.dead()), (4, 1));
}

#[tokio::test]
async fn a_drain_ends_a_wait_at_once_and_gives_the_events_back() {
    let kit = limited(Duration::from_hours(1), &["limited:1", "limited:2"]).await;
    let began = Instant::now();
    kit.shutdown.drain();
    kit.shutdown.finished(Duration::from_secs(10)).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((kit.account.in_flight(), kit.account.dead()), (0, 0));

    kit.seen.limited_ms.store(0, Ordering::SeqCst);
    let successor = Shutdown::default();
    start(&kit.bus, &kit.seen, &successor).await;
    kit.until_done(2).await;
    assert!(kit.seen.failed.lock().unwrap().is_empty());
}
