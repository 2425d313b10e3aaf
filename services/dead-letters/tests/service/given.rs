//! A broker, a database, events on stream `C2S`, and consumers that treat them badly.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::jetstream::{
    AckKind,
    consumer::{FromConsumer as _, PullConsumer, pull},
};
use audit::{Auditor, Report};
use bus::{Bus, Publisher, Stored, Topology};
use bytes::Bytes;
use config::Settings;
use consumer::{Account, Batch, Failure, Journal, Message, Outcome, Received, Source};
use contract::{
    Code, Envelope, EventId, header,
    stream::{
        c2s::{LEADS_CONSUMER, PROVIDER, STREAM},
        ingest_subject,
    },
};
use dead_letters::Open;
use futures::{StreamExt as _, TryStreamExt as _};
use lifecycle::Shutdown;
use service::ledger;
use sqlx::PgPool;
use store::webhook_events::{Event, Position, admit};
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;
use tokio::net::TcpListener;

pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What all tests share: real servers, provisioned.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) database: Database,
    pub(crate) bus: Bus,
    pub(crate) settings: Settings,
}

/// Something that runs on the stage.
pub(crate) struct Running {
    pub(crate) account: Arc<Account>,
    shutdown: Shutdown,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.drain();
        self.shutdown.finished(DEADLINE).await;
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let mut settings = Settings::for_tests();
        settings.nats = broker.config();
        settings.dead_letters.audit.interval_ms = 100;
        settings.dead_letters.audit.grace_ms = 0;
        let bus = bus::connect(&settings.nats, "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        Self { broker, database, bus, settings }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// The service, with its audits so far apart that only the first one is made.
    pub(crate) async fn recorder(&self) -> Running {
        let mut settings = self.settings.clone();
        settings.dead_letters.audit.interval_ms = 3_600_000;
        settings.dead_letters.audit.grace_ms = 3_600_000;
        self.service(settings).await
    }

    pub(crate) async fn service(&self, settings: Settings) -> Running {
        let shutdown = Shutdown::default();
        let open = Open {
            bus: self.bus.clone(),
            pool: self.pool().clone(),
            probe_listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            metrics: telemetry::MetricsHandle::noop(),
        };
        let account = dead_letters::start(open, &settings, &shutdown).await.unwrap();
        Running { account, shutdown }
    }

    /// A consumer of leads that does what the bodies say; see [`Actor`].
    pub(crate) async fn actor(&self) -> Running {
        self.actor_who_waits(Duration::from_millis(10)).await
    }

    /// The same, with so long between two attempts.
    pub(crate) async fn actor_who_waits(&self, between: Duration) -> Running {
        let shutdown = Shutdown::default();
        let source = Source { stream: STREAM, consumer: LEADS_CONSUMER };
        let mut settings = self.settings.c2s.leads.clone();
        settings.retry_base_ms = between.as_millis().try_into().unwrap();
        settings.retry_max_ms = settings.retry_base_ms;
        settings.attempts_max = 3;
        let actor = Actor { pool: self.pool().clone() };
        let account = consumer::start(&self.bus, source, &settings, actor, &shutdown).await.unwrap();
        Running { account, shutdown }
    }

    pub(crate) fn auditor(&self) -> Auditor {
        let Settings { nats, dead_letters, .. } = &self.settings;
        Auditor::new(&self.bus, self.pool(), nats, &dead_letters.audit)
    }

    /// One audit that heals.
    pub(crate) async fn pass(&self) -> Report {
        self.auditor().pass(PROVIDER, OffsetDateTime::now_utc()).await.unwrap().expect("nobody else audits")
    }

    /// One audit that only looks.
    pub(crate) async fn look(&self) -> Report {
        self.auditor().look(PROVIDER, OffsetDateTime::now_utc()).await.unwrap().unwrap()
    }

    /// Publishes events with these bodies, in this order.
    pub(crate) async fn publish(&self, bodies: impl IntoIterator<Item = String>) -> Vec<EventId> {
        let publisher = Publisher::new(&self.bus, &self.settings.nats);
        let publishing = bodies.into_iter().map(|body| {
            let (envelope, publisher) = (envelope(&body), publisher.clone());
            async move {
                let id = envelope.id;
                let subject = ingest_subject(PROVIDER, "created");
                let event = bus::Event { stream: STREAM, subject, envelope, payload: body.into() };
                assert!(!publisher.publish(event).await.unwrap().duplicate);
                id
            }
        });
        // In order, as long as there is one at a time.
        let publishing: Vec<_> = publishing.collect();
        let width = if publishing.len() > 100 { 512 } else { 1 };
        futures::stream::iter(publishing).buffered(width).collect().await
    }

    /// The consumer, after its server-side limits were changed.
    pub(crate) async fn consumer(&self, change: impl FnOnce(&mut pull::Config)) -> PullConsumer {
        self.consumer_of(STREAM, LEADS_CONSUMER, change).await
    }

    pub(crate) async fn consumer_of(
        &self,
        stream: &str,
        name: &str,
        change: impl FnOnce(&mut pull::Config),
    ) -> PullConsumer {
        let stream = self.bus.jetstream().get_stream(stream).await.unwrap();
        let config = stream.consumer_info(name).await.unwrap().config;
        let mut config = pull::Config::try_from_consumer_config(config).unwrap();
        change(&mut config);
        stream.create_consumer(config).await.unwrap()
    }

    /// Takes messages as a consumer that never answers the ledger, and settles each like this.
    pub(crate) async fn settle_raw(&self, messages: usize, kind: impl Fn() -> AckKind) {
        let consumer = self.consumer(|_| {}).await;
        let mut left = messages;
        while left > 0 {
            let batch = consumer.batch().max_messages(left.min(1_000)).expires(Duration::from_secs(5));
            let batch: Vec<_> = batch.messages().await.unwrap().try_collect().await.unwrap();
            for message in &batch {
                message.ack_with(kind()).await.unwrap();
            }
            left -= batch.len();
        }
        self.bus.client().flush().await.unwrap();
    }

    /// Has the broker give up on the next `messages` messages: delivered as often as it may, never answered for good.
    pub(crate) async fn exhaust(&self, messages: usize) {
        let consumer = self.consumer(|config| config.max_deliver = 2).await;
        for _ in 0..2 {
            // Waits for all of them: they come again only when the broker has seen the answers.
            let batch = consumer.batch().max_messages(messages).expires(Duration::from_secs(5));
            let batch: Vec<_> = batch.messages().await.unwrap().try_collect().await.unwrap();
            assert_eq!(batch.len(), messages);
            for message in &batch {
                message.ack_with(AckKind::Nak(Some(Duration::from_millis(1)))).await.unwrap();
            }
        }
        // Only a further pull makes the broker notice.
        let last = consumer.fetch().max_messages(1).expires(Duration::from_millis(300));
        let last: Vec<_> = last.messages().await.unwrap().try_collect().await.unwrap();
        assert!(last.is_empty());
        eventually("the broker gave up", DEADLINE, async || {
            (consumer.get_info().await.unwrap().num_ack_pending == 0).then_some(())
        })
        .await;
    }

    /// Enters these messages in the ledger as completed, as their consumer does.
    pub(crate) async fn admit(&self, messages: &[Stored]) {
        let mut transaction = self.pool().begin().await.unwrap();
        for stored in messages {
            let envelope = stored.envelope();
            let event = Event {
                provider: PROVIDER,
                envelope: &envelope,
                body: &stored.payload,
                lead_id: None,
                updated_at: None,
                position: Position { stream: STREAM, subject: &stored.subject, sequence: stored.sequence },
                attempt: 1,
                trace_id: None,
            };
            admit(&mut transaction, &[event], OffsetDateTime::now_utc()).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Starts the broker again, and waits until it answers.
    pub(crate) async fn restart_broker(&mut self) {
        self.broker.restart().await;
        self.bus.connected().await;
        eventually("it answers", DEADLINE, async || self.bus.jetstream().get_stream(STREAM).await.ok()).await;
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Waits until `sql` counts so many.
    pub(crate) async fn until(&self, sql: &'static str, count: i64) {
        eventually(sql, DEADLINE, async || (self.count(sql).await == count).then_some(())).await;
    }

    pub(crate) async fn messages(&self, stream: &str) -> u64 {
        self.bus.jetstream().get_stream(stream).await.unwrap().cached_info().state.messages
    }
}

fn envelope(body: &str) -> Envelope {
    let id = EventId::generate();
    Envelope {
        id,
        source: "/api/v1/webhooks/c2s".to_owned(),
        event_type: "c2s.lead.created".to_owned(),
        subject: Some(body.to_owned()),
        time: OffsetDateTime::now_utc(),
        content_type: "application/json".to_owned(),
        dedup_key: format!("c2s:{id}"),
        delivery_id: Some(id.0),
        action: Some("lead.created".to_owned()),
        rejected: None,
        replayed_from: None,
        extensions: BTreeMap::new(),
    }
}

/// Publishes one message with these headers and nothing else.
pub(crate) async fn publish_raw(bus: &Bus, subject: &str, headers: &[(&str, &str)], body: &str) {
    let mut map = async_nats::HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let body = Bytes::from(body.to_owned());
    bus.jetstream().publish_with_headers(subject.to_owned(), map, body).await.unwrap().await.unwrap();
}

/// The headers of an event with this body.
pub(crate) fn headers(body: &str) -> (EventId, Vec<(String, String)>) {
    let envelope = envelope(body);
    let mut headers: Vec<_> =
        envelope.headers().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.push((header::TRACEPARENT.to_owned(), TRACEPARENT.to_owned()));
    (envelope.id, headers)
}

/// Completes every event in the ledger, but one whose body says `dead` (given up at once) or `fail` (on every attempt).
pub(crate) struct Actor {
    pool: PgPool,
}

impl Batch for Actor {
    type Event = ();

    fn decode(&self, message: &Message) -> Result<(), Failure> {
        match message.payload.as_ref() {
            payload if payload.starts_with(b"dead") => Err(Failure::Dead {
                code: Code::new("test_poison"),
                source: std::io::Error::other("lead 7 is poison").into(),
            }),
            payload if payload.starts_with(b"fail") => Err(Failure::Retry {
                code: Code::new("test_failure"),
                after: None,
                source: std::io::Error::other("lead 7 fails").into(),
            }),
            _ => Ok(()),
        }
    }

    async fn apply(&self, received: &[Received<()>]) -> Result<(), Failure> {
        let events: Vec<_> =
            received.iter().map(|received| ledger::event(PROVIDER, &received.message)).collect();
        let work = async {
            let mut transaction = self.pool.begin().await?;
            admit(&mut transaction, &events, OffsetDateTime::now_utc()).await?;
            transaction.commit().await
        };
        work.await.map_err(service::failure)
    }
}

impl Journal for Actor {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        service::journal::record(&self.pool, message, &ledger::event(PROVIDER, message), outcome).await
    }
}
