//! The database goes away. Events wait; none is given up.

use std::time::{Duration, Instant};

use e2e::{DEADLINE, Lead, Options, System};
use testkit::eventually;

#[tokio::test]
async fn a_database_stopped_for_ten_seconds_under_load_costs_nothing() {
    let mut system = System::start(Options {
        own_postgres: true,
        // Shorter than the outage, so that an event lost from sight would come again and burn its attempts.
        topology: Some(|topology| topology.consumers.get_mut("c2s-leads").unwrap().ack_wait_seconds = 2),
        ..Options::default()
    })
    .await;
    assert_eq!(system.post(&Lead::new("before").json()).await.status, 200);
    system.until_count("select count(*) from webhook_events", 1).await;

    system.database.own().stop();
    let stopped = Instant::now();
    let mut sent = 0;
    while stopped.elapsed() < Duration::from_secs(10) {
        for _ in 0..10 {
            let reply = system.post(&Lead::new(format!("during-{sent}")).json()).await;
            assert_eq!(reply.status, 200, "the edge does not need the database");
            sent += 1;
        }
    }
    system.database.own().restart().await;
    eventually("every lead is stored", DEADLINE, async || {
        let stored: i64 =
            sqlx::query_scalar("select count(*) from webhook_events where status = 'completed'")
                .fetch_one(system.pool())
                .await
                .ok()?;
        (stored == sent + 1).then_some(())
    })
    .await;
    assert_eq!(system.count("select count(*) from webhook_events where status <> 'completed'").await, 0);
    assert_eq!(system.count("select coalesce(max(attempts), 0)::bigint from webhook_events").await, 1);
}

#[tokio::test]
async fn health_says_at_the_edge_what_the_consumer_knows_of_the_database() {
    let mut system = System::start(Options { own_postgres: true, ..Options::default() }).await;
    until_database(&system, "connected").await;
    system.database.own().stop();
    until_database(&system, "disconnected").await;
    assert_eq!(
        system.post(&Lead::new("lead-1").json()).await.status,
        200,
        "the edge is healthy all the same"
    );
    system.database.own().restart().await;
    until_database(&system, "connected").await;
}

async fn until_database(system: &System, wanted: &str) {
    eventually(&format!("/health says database {wanted}"), DEADLINE, async || {
        let answer = system.http().get(format!("{}/health", system.edge_url())).send().await.ok()?;
        let health: serde_json::Value = answer.json().await.ok()?;
        (health["database"] == wanted).then_some(())
    })
    .await;
}
