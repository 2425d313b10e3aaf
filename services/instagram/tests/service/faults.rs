//! Faults of what the service needs.

use bus::Topology;
use config::{Postgres, Settings};
use contract::stream::instagram::STREAM;
use instagram::Open;
use lifecycle::Shutdown;
use telemetry::MetricsHandle;
use testkit::{Broker, Database, PostgresServer, eventually};
use tokio::net::TcpListener;

use crate::given::{DEADLINE, Service, envelope, from_user, messaging, run};

fn hello(mid: u32, text: &str) -> String {
    messaging(&from_user(mid, &format!(r#""message":{{"mid":"m-{mid}","text":"{text}"}}"#)))
}

async fn send(service: &Service, body: &str) {
    let event = contract::instagram::split(body).unwrap().remove(0).unwrap();
    service.publish(envelope(&event), event.body).await;
}

#[tokio::test]
async fn a_database_that_is_away_costs_no_attempts_and_loses_nothing() {
    let mut database = PostgresServer::start().await;
    let config = Postgres { acquire_timeout_ms: 200, ..database.config() };
    let service = Service::start_on(store::connect(&config).await.unwrap()).await;
    service.deliver(&hello(0, "hi")).await;
    database.stop();
    for number in 1..=20 {
        send(&service, &hello(number, "hi")).await;
    }
    eventually("the events are in its hands", DEADLINE, async || {
        (service.account.received() == 21).then_some(())
    })
    .await;
    assert_eq!(service.account.settled(), 1, "held, not given back");
    database.restart().await;
    service.settled().await;
    let once = "select count(*) from webhook_events where status = 'completed' and attempts = 1";
    assert_eq!(service.count(once).await, 21);
    assert_eq!(service.count("select count(*) from instagram_messages").await, 21);
    service.stop().await;
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_dead_and_its_neighbours_are_stored() {
    let service = Service::start().await;
    sqlx::query("alter table instagram_messages add constraint ck_test check (original_text <> 'poison')")
        .execute(&service.pool)
        .await
        .unwrap();
    for (mid, text) in [(1, "before"), (2, "poison"), (3, "after")] {
        send(&service, &hello(mid, text)).await;
    }
    service.settled().await;
    let dead = "select count(*) from webhook_events
        where status = 'dead_letter' and error_code = 'not_storable' and error_message ~ 'ck_test'";
    assert_eq!(service.count(dead).await, 1);
    assert_eq!(service.count("select count(*) from instagram_messages").await, 2);
    let late = "select count(*) from instagram_conversations where last_message_mid = 'm-3'";
    assert_eq!(service.count(late).await, 1, "nothing of the dead one is left");
    service.stop().await;
}

#[tokio::test]
async fn replicas_that_share_an_account_do_not_deadlock() {
    let service = Service::start().await;
    let shutdown = Shutdown::default();
    let other = run(&service.bus, &service.pool, &shutdown).await;
    for number in 0..400 {
        // The same ten messages by two statements each, so that every batch touches all of them.
        let item = match number % 2 {
            0 => format!(
                r#""message_edit":{{"mid":"m-{}","text":"{number}","num_edit":{number}}}"#,
                number % 10
            ),
            _ => format!(r#""reaction":{{"mid":"m-{}","action":"react","emoji":"x"}}"#, 9 - number % 10),
        };
        send(&service, &messaging(&from_user(number, &item))).await;
    }
    eventually("every event is settled", DEADLINE, async || {
        (service.account.completed() + other.completed() == 400).then_some(())
    })
    .await;
    assert_eq!(service.account.retried() + other.retried(), 0);
    assert_eq!(service.text("select text from instagram_messages where mid = 'm-8'").await, "398");
    shutdown.drain();
    shutdown.finished(DEADLINE).await;
    service.stop().await;
}

#[tokio::test]
async fn a_broker_that_was_killed_is_found_again() {
    let mut service = Service::start().await;
    service.deliver(&hello(1, "hi")).await;
    service.broker.kill();
    service.broker.restart().await;
    send(&service, &hello(2, "hi")).await;
    eventually("both messages are stored", DEADLINE, async || {
        (service.count("select count(*) from instagram_messages").await == 2).then_some(())
    })
    .await;
    service.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_missing_is_refused_with_a_sentence() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    let open = Open {
        bus: bus.clone(),
        pool: Database::create().await.pool().clone(),
        probe_listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        metrics: MetricsHandle::noop(),
    };
    let started = instagram::start(open, &Settings::for_tests().instagram, &Shutdown::default()).await;
    let refusal = format!("{:#}", started.unwrap_err());
    assert!(refusal.contains("stream INSTAGRAM does not exist: run `weir provision`"), "{refusal}");
    assert!(Topology::embedded().apply(&bus, 1).await.is_ok());
    assert!(bus.jetstream().get_stream(STREAM).await.is_ok());
}
