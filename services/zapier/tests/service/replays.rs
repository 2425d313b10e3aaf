//! Events that are published again.

use std::time::Duration;

use bus::Topology;
use contract::stream::usage::{DISPATCHER_CONSUMER, STREAM};
use simulators::{Script, Step, stranger};

use crate::given::{Service, let_pass, report};

#[tokio::test]
async fn a_replay_goes_to_those_hooks_alone_that_lack_the_event() {
    let service = Service::start().await;
    let (refusing, good) = (Script::of([Step::Status(400, "no")]), Script::default());
    let (refusing_server, good_server) = (stranger(&refusing).await.unwrap(), stranger(&good).await.unwrap());
    service.hook("refusing", &refusing_server.url(), |_| {}).await;
    service.hook("good", &good_server.url(), |_| {}).await;
    let body = report("s", 1);
    let id = service.send(&body).await;
    service.counted("it is dead", "select count(*) from dead_letters", 1).await;
    service
        .counted("the other has it", "select count(*) from hook_deliveries where status = 'delivered'", 1)
        .await;

    service.replay(id, &body, false).await;
    service
        .counted("now it has it", "select count(*) from hook_deliveries where status = 'delivered'", 2)
        .await;
    let requests = refusing.requests();
    assert_eq!(
        requests[0].headers["webhook-id"], requests[1].headers["webhook-id"],
        "a receiver sees a repeat"
    );
    assert_eq!(good.requests().len(), 1);
    service.replay(id, &body, false).await;
    service
        .counted(
            "nothing is left to do",
            "select count(*) from event_handlings where status = 'completed'",
            2,
        )
        .await;

    let forced = service.replay(id, &body, true).await;
    service
        .counted("both have it again", "select count(*) from hook_deliveries where status = 'delivered'", 4)
        .await;
    assert_eq!(
        good.requests()[1].headers["webhook-id"],
        forced.to_string().as_str(),
        "and know it for a new one"
    );
    let_pass(Duration::from_millis(200)).await;
    assert_eq!((refusing.requests().len(), good.requests().len()), (3, 2));
    service.stop().await;
}

#[tokio::test]
async fn an_event_that_comes_again_is_not_done_while_a_hook_waits_for_it() {
    let mut service = Service::start().await;
    let failing = Script::of([Step::Status(500, "no"), Step::Status(500, "no")]);
    let server = stranger(&failing).await.unwrap();
    let wait = |manner: &mut hooks::Manner| (manner.retry_base_ms, manner.retry_max_ms) = (600_000, 600_000);
    service.hook("failing", &server.url(), wait).await;
    service.send(&report("s", 1)).await;
    service.counted("it was tried", "select count(*) from hook_attempts", 1).await;
    service.stop().await;
    // Every message comes again, as if no acknowledgement had arrived.
    service.bus.jetstream().delete_consumer_from_stream(DISPATCHER_CONSUMER, STREAM).await.unwrap();
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    service.add_replica().await;
    service.send(&report("s", 2)).await;
    service.counted("the next one was tried", "select count(*) from hook_attempts", 2).await;
    assert_eq!(
        service.count("select count(*) from event_handlings where status = 'processing'").await,
        2,
        "both wait for the hook"
    );
    // What the hook then refuses is a dead letter, and not a completed event.
    failing.then([Step::Status(400, "no"), Step::Status(400, "no")]);
    sqlx::query("update hook_deliveries set due_at = now()").execute(service.pool()).await.unwrap();
    service.counted("both are dead", "select count(*) from dead_letters", 2).await;
    service.replicas[1].shutdown.drain();
}
