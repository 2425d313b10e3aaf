//! Several processes at one hook.

use std::time::{Duration, Instant};

use simulators::{Script, Step, stranger};
use testkit::eventually;

use crate::given::{DEADLINE, Service, report};

#[tokio::test]
async fn three_replicas_together_keep_a_hooks_limit() {
    let mut service = Service::prepare().await;
    let limited = Script::default();
    let free = Script::default();
    let (limited_server, free_server) = (stranger(&limited).await.unwrap(), stranger(&free).await.unwrap());
    // Five a second, two at once.
    service
        .hook("limited", &limited_server.url(), |manner| {
            (manner.rate_count, manner.rate_window_ms, manner.rate_burst) = (5, 1_000, 2);
        })
        .await;
    service.hook("free", &free_server.url(), |_| {}).await;
    for _ in 0..3 {
        service.add_replica().await;
    }
    let began = Instant::now();
    for number in 0..30 {
        service.send(&report("s", number)).await;
    }
    eventually("the free one has them all", DEADLINE, async || (free.requests().len() == 30).then_some(()))
        .await;
    assert!(limited.requests().len() < 28, "the free one does not wait for the limited one");
    eventually("the limited one has them all", DEADLINE, async || {
        (limited.requests().len() == 30).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let most = limited.most_within(Duration::from_secs(1));
    assert!((2..=5).contains(&most), "as the receiver counts, in any second: {most}");
    service
        .counted("all are done", "select count(*) from event_handlings where status = 'completed'", 30)
        .await;
    assert_eq!(service.count("select count(*) from dead_letters").await, 0, "none is dropped");
    service.stop().await;
}

#[tokio::test]
async fn what_a_dead_process_held_is_sent_again_under_the_same_id() {
    let mut service = Service::prepare().await;
    let hook = Script::of([Step::Hang]);
    let server = stranger(&hook).await.unwrap();
    service.hook("hook", &server.url(), |manner| manner.timeout_ms = 30_000).await;
    service.add_replica().await;
    let id = service.send(&report("s", 1)).await;
    eventually("it is sent", DEADLINE, async || (hook.requests().len() == 1).then_some(())).await;
    // The process ends between sending and writing down: its lease is all that is left of it.
    service.replicas[0].shutdown.abort();
    sqlx::query("update hook_deliveries set claimed_until = statement_timestamp()")
        .execute(service.pool())
        .await
        .unwrap();
    service.add_replica().await;
    service
        .counted("another has sent it", "select count(*) from hook_deliveries where status = 'delivered'", 1)
        .await;
    let abandoned = "select count(*) from hook_attempts where error_code = 'abandoned' and outcome = 'retry'";
    assert_eq!(service.count(abandoned).await, 1, "it is on record that there was one");
    assert_eq!(
        service.deliveries("hook").await,
        [("delivered".to_owned(), 1, None)],
        "and it does not count"
    );
    let ids: Vec<_> = hook.requests().iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert_eq!(ids, [id.to_string().as_str(), id.to_string().as_str()], "at least once, and recognisable");
    service.replicas[1].shutdown.drain();
}

#[tokio::test]
async fn a_limit_keeps_the_order_of_its_queue() {
    let service = Service::start().await;
    let hook = Script::default();
    let server = stranger(&hook).await.unwrap();
    // One each fifth of a second.
    service
        .hook("limited", &server.url(), |manner| {
            (manner.rate_count, manner.rate_window_ms, manner.rate_burst) = (6, 1_000, 1);
        })
        .await;
    for number in 0..10 {
        service.send(&report("s", number)).await;
    }
    service
        .counted("it has them", "select count(*) from hook_deliveries where status = 'delivered'", 10)
        .await;
    let ids: Vec<_> = hook.requests().iter().map(|request| request.headers["webhook-id"].clone()).collect();
    let mut sorted = ids.clone();
    sorted.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    assert_eq!(ids, sorted, "who came first is sent first");
    service.stop().await;
}
