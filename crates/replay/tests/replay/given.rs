//! A system in which events die and are replayed.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Publisher, Topology};
use config::Settings;
use consumer::Account;
use contract::{
    Code, Envelope, EventId,
    c2s::{Action, split},
    stream::{
        c2s::{LEADS_CONSUMER, STREAM},
        ingest_subject,
    },
};
use lifecycle::Shutdown;
use replay::{Order, Plan, Selection};
use sqlx::PgPool;
use store::{
    dead_letters,
    replays::{self, Job, JobStatus, Progress},
    webhook_events,
};
use telemetry::MetricsHandle;
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;
use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
/// As fast as a job can go.
pub(crate) const FAST: u32 = 10_000;

/// The service that stores leads, and what it runs on. Leads whose id begins with `poison` are refused by the database
/// until the cause is gone.
pub(crate) struct System {
    pub(crate) broker: Broker,
    pub(crate) bus: Bus,
    pub(crate) pool: PgPool,
    pub(crate) account: Arc<Account>,
    pub(crate) publisher: Publisher,
    shutdown: Shutdown,
    _database: Database,
}

impl System {
    pub(crate) async fn start() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        let pool = database.pool().clone();
        sqlx::raw_sql("alter table leads add constraint poison check (lead_id not like 'poison%')")
            .execute(&pool)
            .await
            .unwrap();
        let shutdown = Shutdown::default();
        let probe_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = c2s::Open {
            bus: bus.clone(),
            pool: pool.clone(),
            probe_listener,
            metrics: MetricsHandle::noop(),
        };
        let mut settings = Settings::for_tests();
        settings.c2s.leads.breaker.dead_letters_max = 100_000;
        let account = c2s::start(open, &settings, &shutdown).await.unwrap().leads;
        Self { broker, bus, pool, account, publisher, shutdown, _database: database }
    }

    /// The cause for which leads died.
    pub(crate) async fn remove_the_cause(&self) {
        sqlx::raw_sql("alter table leads drop constraint poison").execute(&self.pool).await.unwrap();
    }

    /// Publishes an event of a lead, as the edge does, and waits until it is settled.
    pub(crate) async fn send(&self, lead: &str) -> EventId {
        let id = self.publish(lead).await;
        self.settled().await;
        id
    }

    pub(crate) async fn publish(&self, lead: &str) -> EventId {
        let body = body(lead);
        self.publish_as(envelope(&body), &body).await
    }

    /// Publishes what the edge refused.
    pub(crate) async fn send_rejected(&self, lead: &str, code: Code, body: &str) -> EventId {
        let envelope = Envelope {
            subject: Some(lead.to_owned()),
            dedup_key: format!("c2s:rejected:{lead}"),
            rejected: Some(code),
            ..envelope(&self::body(lead))
        };
        let id = self.publish_as(envelope, body).await;
        self.settled().await;
        id
    }

    pub(crate) async fn publish_as(&self, envelope: Envelope, body: &str) -> EventId {
        let id = envelope.id;
        let subject = ingest_subject("c2s", Action::from_hook_action(envelope.action.as_deref()).token());
        let event = bus::Event { stream: STREAM, subject, envelope, payload: body.to_owned().into() };
        self.publisher.publish(event).await.unwrap();
        id
    }

    /// Waits until the service has settled all that its stream holds for it.
    pub(crate) async fn settled(&self) {
        eventually("every event is settled", DEADLINE, async || {
            let info = self.consumer(LEADS_CONSUMER).await;
            (info.0 == 0 && info.1 == 0 && self.account.in_flight() == 0).then_some(())
        })
        .await;
    }

    /// How many events wait for a consumer, and how many it has in its hands.
    pub(crate) async fn consumer(&self, name: &str) -> (u64, usize) {
        type Pull = async_nats::jetstream::consumer::PullConsumer;
        let consumer: Pull = self.bus.jetstream().get_consumer_from_stream(name, STREAM).await.unwrap();
        let info = consumer.cached_info();
        (info.num_pending, info.num_ack_pending)
    }

    /// How many messages the stream of leads holds.
    pub(crate) async fn messages(&self) -> u64 {
        let stream = self.bus.jetstream().get_stream(STREAM).await.unwrap();
        stream.cached_info().state.messages
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }

    /// The status of an event in the ledger.
    pub(crate) async fn status(&self, id: impl Into<Uuid>) -> String {
        sqlx::query_scalar("select status from webhook_events where id = $1")
            .bind(id.into())
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Starts a runner; dropping the guard kills it.
    pub(crate) fn runner(&self) -> Runner {
        let shutdown = Shutdown::default();
        let run = replay::run(self.bus.clone(), self.pool.clone(), self.broker.config(), shutdown.clone());
        Runner { task: shutdown.spawn(run), shutdown }
    }

    pub(crate) async fn plan(&self, selection: &Selection<'_>, consumer: Option<&str>) -> Plan {
        let mut connection = self.pool.acquire().await.unwrap();
        replay::plan(&mut connection, selection, consumer).await.unwrap()
    }

    /// Starts a job of what is selected.
    pub(crate) async fn begin(&self, selection: &Selection<'_>, consumer: Option<&str>, order: Order) -> Job {
        let plan = self.plan(selection, consumer).await;
        let mut connection = self.pool.acquire().await.unwrap();
        let (document, now) = (selection.document(), OffsetDateTime::now_utc());
        replay::start(&mut connection, &plan, &document, consumer, &order, None, now).await.unwrap()
    }

    /// Replays these events, to the end of what becomes of the replays. Gives their ids.
    pub(crate) async fn replay(&self, events: &[EventId], force_effects: bool) -> Vec<EventId> {
        let ids = ids(events);
        let order = Order { rate_per_second: FAST, force_effects, ..Order::default() };
        let job = self.begin(&of_events(&ids), None, order).await;
        let _runner = self.runner();
        self.completed(&job).await;
        self.settled().await;
        self.replays_of(&job).await
    }

    pub(crate) async fn replays_of(&self, job: &Job) -> Vec<EventId> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "select replay_id from replay_items where job_id = $1 and state = 'published' order by position",
        )
        .bind(job.id)
        .fetch_all(&self.pool)
        .await
        .unwrap();
        ids.into_iter().map(EventId).collect()
    }

    pub(crate) async fn job(&self, job: &Job) -> Job {
        let mut connection = self.pool.acquire().await.unwrap();
        replays::find(&mut connection, &job.name).await.unwrap().unwrap()
    }

    pub(crate) async fn progress(&self, job: &Job) -> Progress {
        let mut connection = self.pool.acquire().await.unwrap();
        replays::progress(&mut connection, job.id).await.unwrap()
    }

    pub(crate) async fn completed(&self, job: &Job) {
        eventually("the job is completed", DEADLINE, async || {
            (self.job(job).await.status == JobStatus::Completed).then_some(())
        })
        .await;
    }

    pub(crate) async fn set_status(&self, job: &Job, from: JobStatus, to: JobStatus) {
        let mut connection = self.pool.acquire().await.unwrap();
        let now = OffsetDateTime::now_utc();
        assert!(replays::set_status(&mut connection, job.id, &[from], to, now).await.unwrap());
    }

    /// Drains the service.
    pub(crate) async fn stop(self) {
        self.shutdown.drain();
        self.shutdown.finished(DEADLINE).await;
        assert_eq!(self.account.in_flight(), 0);
    }
}

/// A runner of one test.
pub(crate) struct Runner {
    task: JoinHandle<anyhow::Result<()>>,
    shutdown: Shutdown,
}

impl Runner {
    /// Ends it in good order.
    pub(crate) async fn drain(mut self) {
        self.shutdown.drain();
        (&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Runner {
    /// As a crash does: at whatever it is doing.
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn of_events(ids: &[Uuid]) -> Selection<'_> {
    Selection::Events(webhook_events::Filter { ids: Some(ids), ..Default::default() })
}

pub(crate) fn of_letters(filter: dead_letters::Filter<'_>) -> Selection<'_> {
    Selection::Letters(filter)
}

pub(crate) fn ids(events: &[EventId]) -> Vec<Uuid> {
    events.iter().map(|id| id.0).collect()
}

/// The body of an event of `lead`.
pub(crate) fn body(lead: &str) -> String {
    format!(
        r#"{{"id":"{lead}", "hook_action":"lead.updated","attributes":{{"updated_at":"2026-01-20T10:00:00Z","customer":{{"name":"Joao"}}}}}}"#
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
        delivery_id: Some(Uuid::now_v7()),
        action: event.hook_action.clone(),
        rejected: None,
        replayed_from: None,
        extensions: std::collections::BTreeMap::new(),
    }
}
