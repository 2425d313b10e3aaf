//! Consumers die, stop and multiply. Effects are there once.

use e2e::{DEADLINE, Lead, Options, Process, Proxy, System};
use futures::{StreamExt as _, stream};
use testkit::eventually;

const COMPLETED: &str = "select count(*) from webhook_events where status = 'completed'";

#[tokio::test]
async fn a_consumer_killed_between_commit_and_ack_has_its_effects_once() {
    let mut system = System::start(Options {
        topology: Some(|topology| topology.consumers.get_mut("c2s-leads").unwrap().ack_wait_seconds = 2),
        ..Options::default()
    })
    .await;
    system.c2s.kill().await;
    let wire = Proxy::start(system.broker.url().trim_start_matches("nats://").to_owned()).await;
    let mut doomed = system.start_c2s(&[("WEIR_NATS__URLS", format!("nats://{}", wire.address()))]);
    doomed.address().await;

    // Its transaction waits for this lock, so that the wire can be cut between delivery and commit.
    let mut lock = system.pool().begin().await.unwrap();
    sqlx::query("lock table leads in access exclusive mode").execute(&mut *lock).await.unwrap();
    assert_eq!(system.post(&Lead::new("lead-1").json()).await.status, 200);
    system.until_count("select count(*) from pg_locks where not granted", 1).await;
    wire.swallow();
    lock.rollback().await.unwrap();
    system.until_count(COMPLETED, 1).await;
    doomed.kill().await;

    let mut successor = system.start_c2s(&[]);
    successor.address().await;
    system.until_settled().await;
    assert_eq!(system.count(COMPLETED).await, 1);
    assert_eq!(system.count("select count(*) from lead_events").await, 1);
    assert_eq!(
        system.count("select count(*) from webhook_event_duplicates").await,
        0,
        "a redelivery is no duplicate"
    );
}

#[tokio::test]
async fn a_poison_message_is_terminated_with_its_reason_and_delays_nobody() {
    let system = System::start(Options::default()).await;
    let mut advisories =
        system.bus().client().subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await.unwrap();
    let stranger =
        system.bus().jetstream().publish("ingest.c2s.created", "not one of ours".into()).await.unwrap();
    stranger.await.unwrap();
    let batch: Vec<_> = (0..20).map(|n| Lead::new(format!("neighbour-{n}")).json()).collect();
    assert_eq!(system.post(&batch.into()).await.body["processed"], 20);
    system.until_count(COMPLETED, 20).await;
    let advisory = tokio::time::timeout(DEADLINE, advisories.next()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&advisory.payload).contains("envelope_invalid"));
    system
        .until_count(
            "select count(*) from webhook_events where status = 'dead_letter' and error_code = 'envelope_invalid'
                and body = 'not one of ours'",
            1,
        )
        .await;
    assert_eq!(system.count("select max(attempts)::bigint from webhook_events").await, 1);
}

#[tokio::test]
async fn sigterm_under_load_loses_nothing_and_exits_0() {
    let mut system = System::start(Options::default()).await;
    let sending = stream::iter(0..300)
        .map(|n| {
            let system = &system;
            async move { system.post(&Lead::new(format!("lead-{n}")).json()).await.status }
        })
        .buffer_unordered(20);
    let statuses: Vec<u16> = sending
        .enumerate()
        .map(|(n, status)| {
            if n == 100 {
                system.c2s.terminate();
            }
            status
        })
        .collect()
        .await;
    assert!(statuses.iter().all(|status| *status == 200));
    assert!(system.c2s.ended().await.success(), "{}", system.c2s.log());
    let mut successor = system.start_c2s(&[]);
    successor.address().await;
    system.until_count(COMPLETED, 300).await;
    system.until_settled().await;
    assert_eq!(
        system.count("select max(attempts)::bigint from webhook_events").await,
        1,
        "a drain wastes no attempt"
    );
}

#[tokio::test]
async fn three_replicas_share_the_work_and_each_effect_is_there_once() {
    let system = System::start(Options::default()).await;
    let mut replicas: Vec<Process> = (0..2).map(|_| system.start_c2s(&[])).collect();
    for replica in &mut replicas {
        replica.address().await;
    }
    for wave in 0..10 {
        let batch: Vec<_> = (0..100).map(|n| Lead::new(format!("lead-{wave}-{n}")).json()).collect();
        assert_eq!(system.post(&batch.into()).await.body["processed"], 100);
    }
    system.until_count(COMPLETED, 1000).await;
    assert_eq!(system.count("select count(*) from lead_events").await, 1000);
}

#[tokio::test]
async fn a_stopping_edge_finishes_what_it_began_and_says_that_it_is_not_ready() {
    let mut system = System::start(Options::default()).await;
    system.broker.pause();
    let (reply, ()) = futures::join!(async { system.post(&Lead::new("lead-1").json()).await }, async {
        let metrics = format!("{}/metrics", system.edge_url());
        eventually("the delivery is in the edge's hands", DEADLINE, async || {
            let text = system.http().get(&metrics).send().await.ok()?.text().await.ok()?;
            let posts =
                |line: &&str| line.starts_with("http_server_active_requests{") && line.contains("POST");
            text.lines().find(posts)?.ends_with(" 1").then_some(())
        })
        .await;
        system.edge.terminate();
        system.broker.resume();
    });
    assert_eq!(reply.status, 200, "{}", system.edge.log());
    assert!(system.edge.ended().await.success(), "{}", system.edge.log());
    system.until_count(COMPLETED, 1).await;
}
