//! A running service, hooks, and events as the edge would publish them.

use std::time::{Duration, Instant};

use bus::{Bus, Publisher, Topology};
use config::{List, Secret, Settings};
use contract::{
    Envelope, EventId, Replay,
    stream::{
        ingest_subject, replay_subject,
        usage::{DISPATCHER_CONSUMER, PROVIDER, STREAM},
    },
    usage::{EVENT_TYPE, TOKEN},
};
use hooks::{Catalogue, Kind, Manner};
use lifecycle::Shutdown;
use seal::Keyring;
use serde_json::{Value, json};
use sqlx::PgPool;
use telemetry::MetricsHandle;
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use zapier::{Accounts, Open};

pub(crate) const DEADLINE: Duration = Duration::from_secs(40);
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// 32 zero bytes.
pub(crate) const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The service, and what it runs on.
pub(crate) struct Service {
    _broker: Broker,
    pub(crate) database: Database,
    pub(crate) publisher: Publisher,
    pub(crate) bus: Bus,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) settings: Settings,
}

/// One process of it.
pub(crate) struct Replica {
    pub(crate) shutdown: Shutdown,
    pub(crate) accounts: Accounts,
}

impl Service {
    /// Starts one process.
    pub(crate) async fn start() -> Self {
        let mut service = Self::prepare().await;
        service.add_replica().await;
        service
    }

    /// Broker and database alone.
    pub(crate) async fn prepare() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        Self { _broker: broker, database, publisher, bus, replicas: Vec::new(), settings: settings() }
    }

    pub(crate) async fn add_replica(&mut self) {
        let shutdown = Shutdown::default();
        let pool = store::connect(&self.database.config()).await.unwrap();
        let probe_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = Open { bus: self.bus.clone(), pool, probe_listener, metrics: MetricsHandle::noop() };
        let accounts = zapier::start(open, &self.settings, &shutdown).await.unwrap();
        self.replicas.push(Replica { shutdown, accounts });
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        let keys = Keyring::new(&self.settings.seal).unwrap();
        Catalogue::new(self.pool().clone(), Some(keys), &self.settings.zapier.delivery)
    }

    /// Makes a hook there.
    pub(crate) async fn hook(&self, name: &str, url: &str, change: impl FnOnce(&mut Manner)) {
        let mut manner = manner();
        change(&mut manner);
        let secret = Secret::from(SECRET);
        let made =
            self.catalogue().add(name, Kind::Webhook, &Secret::from(url), Some(&secret), &manner).await;
        made.unwrap();
    }

    /// Publishes a report, as the edge does.
    pub(crate) async fn send(&self, body: &Value) -> EventId {
        self.publish(envelope(body), ingest_subject(PROVIDER, TOKEN), body).await
    }

    /// Publishes an event again, to the dispatcher alone.
    pub(crate) async fn replay(&self, root: EventId, body: &Value, force_effects: bool) -> EventId {
        let replay = Replay { force_effects, ..Replay::from(root) };
        let id = EventId::generate();
        let dedup_key = format!("usage:replay-{id}");
        let envelope = Envelope { id, dedup_key, replayed_from: Some(replay), ..envelope(body) };
        self.publish(envelope, replay_subject(PROVIDER, DISPATCHER_CONSUMER, TOKEN), body).await
    }

    pub(crate) async fn publish(&self, envelope: Envelope, subject: String, body: &Value) -> EventId {
        let id = envelope.id;
        let payload = body.to_string().into();
        self.publisher.publish(bus::Event { stream: STREAM, subject, envelope, payload }).await.unwrap();
        id
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Waits until a count is what is expected.
    pub(crate) async fn counted(&self, what: &str, sql: &'static str, expected: i64) {
        eventually(what, DEADLINE, async || (self.count(sql).await == expected).then_some(())).await;
    }

    /// Status and code of each delivery to a hook, oldest first.
    pub(crate) async fn deliveries(&self, hook: &str) -> Vec<(String, i32, Option<String>)> {
        let rows =
            "select status, attempts, error_code from hook_deliveries where hook_name = $1 order by event_id";
        sqlx::query_as(rows).bind(hook).fetch_all(self.pool()).await.unwrap()
    }

    /// Drains every process.
    pub(crate) async fn stop(&self) {
        for replica in &self.replicas {
            replica.shutdown.drain();
        }
        for replica in &self.replicas {
            replica.shutdown.finished(DEADLINE).await;
            for account in [&replica.accounts.sessions, &replica.accounts.dispatcher] {
                assert_eq!((account.in_flight(), account.received()), (0, account.settled()));
            }
        }
    }
}

/// The defaults, in a hurry, allowed to call this machine.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::for_tests();
    settings.seal.keys = List(vec![Secret::from(KEY)]);
    settings.outbound.allowed_networks = List(vec!["127.0.0.1".parse().unwrap()]);
    settings.outbound.circuit_failures_max = 1_000;
    settings.zapier.delivery.poll_ms = 100;
    for consumer in [&mut settings.zapier.sessions, &mut settings.zapier.dispatcher] {
        consumer.retry_base_ms = 20;
        consumer.retry_max_ms = 100;
        consumer.handle_timeout_ms = 5_000;
    }
    settings
}

/// How a hook is called that nothing limits.
pub(crate) fn manner() -> Manner {
    Manner {
        event_filter: vec!["*".to_owned()],
        body_form: "both".to_owned(),
        signature_header: "X-Webhook-Signature".to_owned(),
        signature_algorithm: "sha256".to_owned(),
        rate_count: 1_000_000,
        rate_window_ms: 1_000,
        rate_burst: 1_000,
        attempts_max: 4,
        timeout_ms: 1_000,
        retry_base_ms: 50,
        retry_max_ms: 500,
    }
}

/// A report of a session.
pub(crate) fn report(session: &str, number: usize) -> Value {
    json!({
        "session_id": session, "event_id": format!("{session}-{number}"), "query": format!("Fix bug {number}"),
        "model_name": "gpt-4o-mini", "response_time_ms": 1_000, "estimated_tokens": 100, "success": true,
    })
}

pub(crate) fn envelope(body: &Value) -> Envelope {
    let now = OffsetDateTime::now_utc();
    let text = body.to_string();
    let event = contract::usage::events(&text).unwrap().next().unwrap();
    let (dedup_key, subject, rejected) = match event {
        Ok(event) => (event.dedup_key(None, None, now), event.session_id.clone(), None),
        Err(rejected) => (rejected.dedup_key(), None, Some(rejected.code)),
    };
    Envelope {
        id: EventId::generate(),
        source: "/api/webhook/usage".to_owned(),
        event_type: EVENT_TYPE.to_owned(),
        subject,
        time: now,
        content_type: "application/json".to_owned(),
        dedup_key,
        delivery_id: None,
        action: None,
        rejected,
        replayed_from: None,
        extensions: std::collections::BTreeMap::new(),
    }
}

/// Waits for what must not happen.
pub(crate) async fn let_pass(time: Duration) {
    let began = Instant::now();
    eventually("time has passed", time * 2, async || (began.elapsed() > time).then_some(())).await;
}
