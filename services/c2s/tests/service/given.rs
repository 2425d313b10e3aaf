//! A running service, and events as the edge would publish them.

use std::{
    net::SocketAddr,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::HeaderMap;
use bus::{Bus, Publisher, Receipt, Topology};
use c2s::{Accounts, Open};
use config::Settings;
use consumer::Account;
use contract::{
    Envelope, EventId,
    c2s::{Action, split},
    stream::{c2s::STREAM, ingest_subject},
};
use lifecycle::Shutdown;
use sqlx::PgPool;
use telemetry::MetricsHandle;
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;
use tokio::net::TcpListener;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The service, and what it runs on.
pub(crate) struct Service {
    pub(crate) broker: Broker,
    pub(crate) bus: Bus,
    pub(crate) pool: PgPool,
    pub(crate) shutdown: Shutdown,
    pub(crate) account: Arc<Account>,
    pub(crate) probes: SocketAddr,
    pub(crate) publisher: Publisher,
}

impl Service {
    /// Starts it on a broker and a database of its own.
    pub(crate) async fn start() -> Self {
        Self::start_on(Database::create().await.pool().clone()).await
    }

    /// Starts it on this database.
    pub(crate) async fn start_on(pool: PgPool) -> Self {
        let broker = Broker::start().await;
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        let shutdown = Shutdown::default();
        let (account, probes) = run(&bus, &pool, &shutdown).await;
        Self { broker, bus, pool, shutdown, account, probes, publisher }
    }

    /// Publishes the only event of a body, as the edge does.
    pub(crate) async fn send(&self, body: &str) -> Receipt {
        self.publish(envelope(body), body).await
    }

    pub(crate) async fn publish(&self, envelope: Envelope, body: &str) -> Receipt {
        let subject = ingest_subject("c2s", Action::from_hook_action(envelope.action.as_deref()).token());
        let payload = body.to_owned().into();
        self.publisher.publish(bus::Event { stream: STREAM, subject, envelope, payload }).await.unwrap()
    }

    /// Publishes a message that need not be one of ours.
    pub(crate) async fn publish_raw(&self, headers: HeaderMap, body: Vec<u8>) {
        let published = self.bus.jetstream().publish_with_headers("ingest.c2s.other", headers, body.into());
        published.await.unwrap().await.unwrap();
    }

    /// Waits until this many messages are settled, and checks that the account is right.
    pub(crate) async fn settled(&self, count: u64) {
        eventually("every event is settled", DEADLINE, async || {
            (self.account.settled() >= count && self.account.in_flight() == 0).then_some(())
        })
        .await;
        assert_eq!(self.account.received(), self.account.settled());
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Status, attempts, code and body of the ledger's rows, in the order of the stream.
    pub(crate) async fn ledger(&self) -> Vec<(String, i32, Option<String>, Vec<u8>)> {
        let rows = "select status, attempts, error_code, body from webhook_events order by stream_sequence";
        sqlx::query_as(rows).fetch_all(&self.pool).await.unwrap()
    }

    /// Drains it.
    pub(crate) async fn stop(&self) {
        self.shutdown.drain();
        self.shutdown.finished(DEADLINE).await;
        assert_eq!(self.account.in_flight(), 0);
    }
}

/// Runs the service on what is open already.
pub(crate) async fn run(bus: &Bus, pool: &PgPool, shutdown: &Shutdown) -> (Arc<Account>, SocketAddr) {
    let (accounts, probes) = run_with(&settings(), bus, pool, shutdown).await;
    (accounts.leads, probes)
}

/// Settings of a service that does not wait long.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::for_tests();
    settings.c2s.leads.retry_base_ms = 20;
    settings.c2s.leads.retry_max_ms = 100;
    settings.c2s.leads.handle_timeout_ms = 5_000;
    settings
}

/// Runs the service with these settings.
pub(crate) async fn run_with(
    settings: &Settings,
    bus: &Bus,
    pool: &PgPool,
    shutdown: &Shutdown,
) -> (Accounts, SocketAddr) {
    let probe_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probes = probe_listener.local_addr().unwrap();
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: MetricsHandle::noop() };
    (c2s::start(open, settings, shutdown).await.unwrap(), probes)
}

/// The body of an event of `lead`.
pub(crate) fn body(lead: &str, updated_at: &str, name: &str) -> String {
    format!(
        r#"{{"id":"{lead}", "hook_action":"lead.updated","attributes":{{"updated_at":"{updated_at}","customer":{{"name":"{name}"}},"lead_status":{{"alias":"new"}}}}}}"#
    )
}

/// The envelope that the edge makes for a body of one event.
pub(crate) fn envelope(body: &str) -> Envelope {
    let event = split(body).unwrap().remove(0).unwrap();
    Envelope {
        id: EventId::generate(),
        source: "/api/v1/webhooks/c2s".to_owned(),
        event_type: Action::from_hook_action(event.hook_action.as_deref()).event_type().to_owned(),
        subject: Some(event.lead_id.clone()),
        time: OffsetDateTime::now_utc(),
        content_type: "application/json".to_owned(),
        dedup_key: event.dedup_key(),
        delivery_id: None,
        action: event.hook_action.clone(),
        rejected: None,
        replayed_from: None,
        extensions: std::collections::BTreeMap::new(),
    }
}

/// Waits for what must not happen.
pub(crate) async fn let_pass(time: Duration) {
    let began = Instant::now();
    eventually("time has passed", time * 2, async || (began.elapsed() > time).then_some(())).await;
}

/// Sends a signal to processes of a server of ours.
pub(crate) fn signal(processes: &[i32], name: &str) {
    let ids = processes.iter().map(ToString::to_string);
    assert!(Command::new("kill").args(["-s", name]).args(ids).status().unwrap().success());
}
