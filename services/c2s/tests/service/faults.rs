//! Faults of what the service needs.

use std::time::Duration;

use async_nats::jetstream::stream::RetentionPolicy;
use bus::{Bus, Topology};
use c2s::Open;
use config::{Postgres, Settings};
use contract::stream::c2s::STREAM;
use lifecycle::Shutdown;
use telemetry::MetricsHandle;
use testkit::{Broker, Database, PostgresServer, eventually};
use tokio::net::TcpListener;

use crate::given::{DEADLINE, Service, body, let_pass, signal};

#[tokio::test]
async fn a_database_that_is_away_costs_no_attempts_and_loses_nothing() {
    let mut database = PostgresServer::start().await;
    let config = Postgres { acquire_timeout_ms: 200, ..database.config() };
    let service = Service::start_on(store::connect(&config).await.unwrap()).await;
    service.send(&body("lead-0", "2026-01-20T10:00:00Z", "Joao")).await;
    service.settled(1).await;

    database.stop();
    for number in 1..=20 {
        service.send(&body(&format!("lead-{number}"), "2026-01-20T10:00:00Z", "Joao")).await;
    }
    eventually("the first events are in its hands", DEADLINE, async || {
        (service.account.received() > 1).then_some(())
    })
    .await;
    assert_eq!(service.account.settled(), 1, "held, not given back");
    database.restart().await;
    service.settled(21).await;
    assert_eq!(
        service
            .count("select count(*) from webhook_events where status = 'completed' and attempts = 1")
            .await,
        21
    );
    service.stop().await;
}

#[tokio::test]
async fn a_table_that_is_locked_for_long_costs_no_attempts() {
    let database = Database::create().await;
    let config = Postgres { statement_timeout_ms: 400, ..database.config() };
    let service = Service::start_on(store::connect(&config).await.unwrap()).await;
    let mut holder = database.pool().begin().await.unwrap();
    sqlx::query("lock table webhook_events in access exclusive mode").execute(&mut *holder).await.unwrap();
    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    // Longer than five attempts with their delays take.
    let_pass(Duration::from_secs(6)).await;
    holder.rollback().await.unwrap();
    service.settled(1).await;
    let code = None;
    let ledger = service.ledger().await;
    assert_eq!((ledger[0].0.as_str(), ledger[0].1, &ledger[0].2), ("completed", 1, &code));
    service.stop().await;
}

#[tokio::test]
async fn a_database_that_freezes_in_the_middle_of_a_statement_costs_no_attempt() {
    let server = PostgresServer::start().await;
    let service = Service::start_on(store::connect(&server.config()).await.unwrap()).await;
    service.send(&body("lead-0", "2026-01-20T10:00:00Z", "Joao")).await;
    service.settled(1).await;

    let mut holder = server.pool().begin().await.unwrap();
    sqlx::query("lock table leads in access exclusive mode").execute(&mut *holder).await.unwrap();
    for number in 1..=5 {
        service.send(&body(&format!("lead-{number}"), "2026-01-20T10:00:00Z", "Joao")).await;
    }
    let waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock'";
    eventually("a statement waits", DEADLINE, async || {
        sqlx::query_scalar::<_, i32>(waiting).fetch_optional(&mut *holder).await.unwrap()
    })
    .await;
    let backends: Vec<i32> =
        sqlx::query_scalar("select pid from pg_stat_activity where pid <> pg_backend_pid()")
            .fetch_all(&mut *holder)
            .await
            .unwrap();
    server.pause();
    signal(&backends, "STOP");
    // Past the time that handling may take, twice.
    let_pass(Duration::from_secs(12)).await;
    server.resume();
    signal(&backends, "CONT");
    holder.rollback().await.unwrap();

    service.settled(6).await;
    assert_eq!((service.account.retried(), service.account.dead()), (0, 0), "{:?}", service.ledger().await);
    let once = "select count(*) from webhook_events where status = 'completed' and attempts = 1";
    assert_eq!(service.count(once).await, 6);
    assert_eq!(service.count("select count(*) from lead_events").await, 6);
    service.stop().await;
}

#[tokio::test]
async fn a_table_that_is_missing_is_waited_for() {
    let service = Service::start().await;
    sqlx::query("alter table leads rename to leads_gone").execute(&service.pool).await.unwrap();
    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    eventually("the event is in its hands", DEADLINE, async || {
        (service.account.received() == 1).then_some(())
    })
    .await;
    sqlx::query("alter table leads_gone rename to leads").execute(&service.pool).await.unwrap();
    service.settled(1).await;
    assert_eq!(service.account.completed(), 1);
    service.stop().await;
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_dead_and_its_neighbours_are_stored() {
    let service = Service::start().await;
    sqlx::query("alter table leads add constraint ck_test check (customer_name <> 'poison')")
        .execute(&service.pool)
        .await
        .unwrap();
    for (lead, name) in [("lead-1", "Joao"), ("lead-2", "poison"), ("lead-3", "Maria")] {
        service.send(&body(lead, "2026-01-20T10:00:00Z", name)).await;
    }
    service.settled(3).await;
    let dead = "select count(*) from webhook_events
        where status = 'dead_letter' and lead_id = 'lead-2' and error_code = 'not_storable' and error_message ~ 'ck_test'";
    assert_eq!(service.count(dead).await, 1);
    assert_eq!(service.count("select count(*) from leads").await, 2);
    assert_eq!(service.count("select count(*) from lead_events").await, 2, "nothing of the dead one is left");
    service.stop().await;
}

#[tokio::test]
async fn a_failing_event_is_recorded_and_resumed() {
    let service = Service::start().await;
    // Fails as a deadlock does, twice.
    sqlx::raw_sql(
        "create sequence failures;
         create function fail() returns trigger language plpgsql as $$
         begin
            if nextval('failures') <= 2 then raise exception 'deadlock' using errcode = '40P01'; end if;
            return new;
         end $$;
         create trigger fail before insert on leads for each row execute function fail();",
    )
    .execute(&service.pool)
    .await
    .unwrap();
    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    eventually("the event is completed", DEADLINE, async || (service.account.completed() == 1).then_some(()))
        .await;
    let ledger = service.ledger().await;
    assert_eq!((ledger[0].0.as_str(), ledger[0].1, ledger[0].2.as_deref()), ("completed", 3, None));
    assert_eq!(service.account.retried(), 2);
    service.stop().await;
}

#[tokio::test]
async fn a_broker_that_was_killed_is_found_again() {
    let mut service = Service::start().await;
    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    service.settled(1).await;
    service.broker.kill();
    service.broker.restart().await;
    service.send(&body("lead-2", "2026-01-20T10:00:00Z", "Joao")).await;
    eventually("both leads are stored", DEADLINE, async || {
        (service.count("select count(*) from leads").await == 2).then_some(())
    })
    .await;
    service.stop().await;
}

#[tokio::test]
async fn a_stream_that_contradicts_the_promise_is_refused_with_a_sentence() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    let refusal = refusal(&bus).await;
    assert!(refusal.contains("stream C2S does not exist: run `weir provision`"), "{refusal}");

    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut stream = bus.jetstream().get_stream(STREAM).await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    bus.jetstream().delete_stream(STREAM).await.unwrap();
    config.retention = RetentionPolicy::WorkQueue;
    bus.jetstream().create_stream(config).await.unwrap();
    let refusal = self::refusal(&bus).await;
    assert!(refusal.contains("retention"), "{refusal}");
}

async fn refusal(bus: &Bus) -> String {
    let open = Open {
        bus: bus.clone(),
        pool: Database::create().await.pool().clone(),
        probe_listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        metrics: MetricsHandle::noop(),
    };
    let started = c2s::start(open, &Settings::for_tests(), &Shutdown::default()).await;
    format!("{:#}", started.unwrap_err())
}
