//! A running service, and events as the edge would publish them.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use async_nats::HeaderMap;
use bus::{Bus, Receipt};
use config::Settings;
use consumer::Account;
use contract::{
    Envelope, EventId,
    instagram::{Event, split},
    stream::{ingest_subject, instagram::STREAM},
};
use instagram::Open;
use lifecycle::Shutdown;
use sqlx::PgPool;
use telemetry::MetricsHandle;
use testkit::{Database, Rig};
use time::OffsetDateTime;
use tokio::net::TcpListener;

pub(crate) const DEADLINE: Duration = Rig::DEADLINE;
/// The account, and a user who writes to it.
pub(crate) const ACCOUNT: &str = "17841400000000001";
pub(crate) const USER: &str = "9000000000000001";

/// The service on its rig.
pub(crate) struct Service(Rig);

impl Deref for Service {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.0
    }
}

impl DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Rig {
        &mut self.0
    }
}

impl Service {
    /// Starts it on a broker and a database of its own.
    pub(crate) async fn start() -> Self {
        Self::start_on(Database::create().await.pool().clone()).await
    }

    /// Starts it on this database.
    pub(crate) async fn start_on(pool: PgPool) -> Self {
        Self(Rig::start(pool, async |_, bus, pool, shutdown| run(bus, pool, shutdown).await).await)
    }

    /// Publishes every event of a delivery, as the edge does, and waits until all of them are settled.
    pub(crate) async fn deliver(&self, body: &str) {
        for event in split(body).unwrap() {
            let event = event.unwrap();
            self.publish(envelope(&event), event.body).await;
        }
        self.settled().await;
    }

    /// The same with one item of `messaging[]`.
    pub(crate) async fn message(&self, item: &str) {
        self.deliver(&messaging(item)).await;
    }

    /// The same with one item of `messaging[]` that the user sent.
    pub(crate) async fn hears(&self, at: u32, item: &str) {
        self.message(&from_user(at, item)).await;
    }

    /// The same with one change.
    pub(crate) async fn change(&self, field: &str, value: &str) {
        self.deliver(&change(ACCOUNT, field, value)).await;
    }

    pub(crate) async fn publish(&self, envelope: Envelope, body: &str) -> Receipt {
        let payload = body.to_owned().into();
        let subject = ingest_subject("instagram", "messages");
        self.0.publish(bus::Event { stream: STREAM, subject, envelope, payload }).await
    }

    /// Publishes a message that need not be one of ours.
    pub(crate) async fn publish_raw(&self, headers: HeaderMap, body: Vec<u8>) {
        self.0.publish_raw("ingest.instagram.other", headers, body).await;
    }

    /// Waits until everything on the stream is settled, and checks that the account is right.
    pub(crate) async fn settled(&self) {
        let mut stream = self.bus.jetstream().get_stream(STREAM).await.unwrap();
        self.0.settled(stream.info().await.unwrap().state.last_sequence).await;
    }

    /// Status, code and body of the ledger's rows, in the order of the stream.
    pub(crate) async fn ledger(&self) -> Vec<(String, Option<String>, Vec<u8>)> {
        let rows = "select status, error_code, body from webhook_events order by stream_sequence";
        sqlx::query_as(rows).fetch_all(&self.pool).await.unwrap()
    }
}

/// Runs the service on what is open already.
pub(crate) async fn run(bus: &Bus, pool: &PgPool, shutdown: &Shutdown) -> Arc<Account> {
    let mut config = Settings::for_tests().instagram;
    config.handler.retry_base_ms = 20;
    config.handler.retry_max_ms = 100;
    let probe_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: MetricsHandle::noop() };
    instagram::start(open, &config, shutdown).await.unwrap()
}

/// An item that the user sent, this many milliseconds into 2026.
pub(crate) fn from_user(at: u32, item: &str) -> String {
    let at = 1_767_225_600_000 + u64::from(at);
    format!(r#"{{"sender":{{"id":"{USER}"}},"recipient":{{"id":"{ACCOUNT}"}},"timestamp":{at},{item}}}"#)
}

/// An item that the account sent.
pub(crate) fn from_account(at: u32, item: &str) -> String {
    let at = 1_767_225_600_000 + u64::from(at);
    format!(r#"{{"sender":{{"id":"{ACCOUNT}"}},"recipient":{{"id":"{USER}"}},"timestamp":{at},{item}}}"#)
}

/// A delivery of one item.
pub(crate) fn messaging(item: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"id":"{ACCOUNT}","time":1767225600123,"messaging":[{item}]}}]}}"#
    )
}

/// A delivery of one change.
pub(crate) fn change(account: &str, field: &str, value: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1767225600,"changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
    )
}

/// The envelope that the edge makes for an event.
pub(crate) fn envelope(event: &Event<'_>) -> Envelope {
    let extensions = [
        ("platform", event.object.clone()),
        ("kind", Some(event.channel.as_str().to_owned())),
        ("test", event.is_test.then(|| "true".to_owned())),
    ];
    Envelope {
        id: EventId::generate(),
        source: "/api/webhooks/instagram".to_owned(),
        event_type: event.action.event_type().to_owned(),
        subject: event.entry_id.clone(),
        time: OffsetDateTime::now_utc(),
        content_type: "application/json".to_owned(),
        dedup_key: event.dedup_key.clone(),
        delivery_id: None,
        action: event.field.clone(),
        rejected: None,
        replayed_from: None,
        extensions: extensions.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    }
}
