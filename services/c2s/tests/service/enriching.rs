//! A running enricher, and the companies that it calls.

use std::{net::SocketAddr, time::Duration};

use bus::{Bus, Publisher, Topology};
use c2s::Accounts;
use config::{List, Secret, Settings};
use contract::stream::{c2s::STREAM, ingest_subject};
use lifecycle::Shutdown;
use serde_json::{Value, json};
use simulators::{
    Server,
    c2s::{C2sApi, Lead},
    diretrix::Diretrix,
    work::WorkApi,
};
use sqlx::PgPool;
use testkit::{Broker, Database, eventually};

use crate::given::{DEADLINE, envelope, run_with, settings};

pub(crate) const TOKEN: &str = "c2s-token-invented";
pub(crate) const WORK_TOKEN: &str = "work-token+invented";
pub(crate) const PASSWORD: &str = "diretrix-password-invented";
pub(crate) const SEAL_KEY: &str = "test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
pub(crate) const INDEX_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The companies.
pub(crate) struct Outside {
    pub(crate) c2s: C2sApi,
    pub(crate) work: WorkApi,
    pub(crate) diretrix: Diretrix,
    pub(crate) servers: [Server; 3],
}

impl Outside {
    pub(crate) async fn start() -> Self {
        let (c2s, work) = (C2sApi::new(TOKEN), WorkApi::new(WORK_TOKEN));
        let diretrix = Diretrix::new("weir", PASSWORD);
        let servers =
            [c2s.start().await.unwrap(), work.start().await.unwrap(), diretrix.start().await.unwrap()];
        Self { c2s, work, diretrix, servers }
    }

    /// Settings of a service that calls them, and waits for nothing long.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = settings();
        let [c2s, work, diretrix] = &self.servers;
        settings.c2s.api.base_url = format!("{}/integration", c2s.url());
        settings.c2s.api.token = Some(Secret::from(TOKEN));
        settings.c2s.api.rate_per_minute = 60_000;
        settings.c2s.api.timeout_ms = 600;
        settings.c2s.api.rate_limit_wait_seconds = 1;
        settings.people.work.base_url = format!("{}/api", work.url());
        settings.people.work.token = Some(Secret::from(WORK_TOKEN));
        settings.people.work.rate_per_minute = 60_000;
        settings.people.work.timeout_ms = 600;
        settings.people.diretrix.base_url = Some(diretrix.url());
        settings.people.diretrix.user = Some("weir".to_owned());
        settings.people.diretrix.password = Some(Secret::from(PASSWORD));
        settings.people.diretrix.rate_per_minute = 60_000;
        settings.people.diretrix.timeout_ms = 600;
        settings.people.index_keys = List(vec![Secret::from(INDEX_KEY)]);
        settings.seal.keys = List(vec![Secret::from(SEAL_KEY)]);
        settings.outbound.allowed_networks = List(vec!["127.0.0.0/8".parse().unwrap()]);
        settings.c2s.enricher.confirm_after_ms = 1_200;
        settings.c2s.enricher.pause_seconds = 1;
        settings.c2s.enricher.consumer.retry_base_ms = 20;
        settings.c2s.enricher.consumer.retry_max_ms = 100;
        settings.c2s.enricher.consumer.handle_timeout_ms = 10_000;
        settings
    }
}

/// The service with its enricher, and what it runs on.
pub(crate) struct Enriching {
    pub(crate) broker: Broker,
    pub(crate) bus: Bus,
    pub(crate) database: Database,
    pub(crate) outside: Outside,
    pub(crate) publisher: Publisher,
    pub(crate) replicas: Vec<Replica>,
}

/// One process of it.
pub(crate) struct Replica {
    pub(crate) accounts: Accounts,
    pub(crate) probes: SocketAddr,
    pub(crate) shutdown: Shutdown,
}

impl Enriching {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one process with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut enriching = Self::prepare().await;
        let mut settings = enriching.outside.settings();
        change(&mut settings);
        enriching.add_replica(&settings).await;
        enriching
    }

    /// Everything but a process.
    pub(crate) async fn prepare() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        let mut topology = Topology::embedded();
        topology.consumers.get_mut("c2s-enricher").unwrap().ack_wait_seconds = 2;
        topology.apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        let outside = Outside::start().await;
        Self { broker, bus, database, outside, publisher, replicas: Vec::new() }
    }

    pub(crate) async fn add_replica(&mut self, settings: &Settings) {
        let shutdown = Shutdown::default();
        let (accounts, probes) = run_with(settings, &self.bus, self.pool(), &shutdown).await;
        self.replicas.push(Replica { accounts, probes, shutdown });
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// Contact2Sale takes a lead in, and its webhook comes.
    pub(crate) async fn receive(&self, lead: Lead) {
        let id = lead.id.clone();
        self.outside.c2s.add(lead);
        self.webhook(&id, "on_create_lead").await;
    }

    /// The webhook of a lead as it is now.
    pub(crate) async fn webhook(&self, lead_id: &str, action: &str) {
        let lead = self.outside.c2s.lead(lead_id).unwrap().json();
        self.publish(&json!({ "hook_action": action, "lead": lead })).await;
    }

    pub(crate) async fn publish(&self, body: &Value) {
        let body = body.to_string();
        let envelope = envelope(&body);
        let subject = ingest_subject("c2s", "updated");
        let event = bus::Event { stream: STREAM, subject, envelope, payload: body.into() };
        self.publisher.publish(event).await.unwrap();
    }

    /// Waits until so many events are handled by the enricher, and checks the account.
    pub(crate) async fn handled(&self, count: i64) {
        let sql = "select count(*) from event_handlings where consumer = 'c2s-enricher' and finished_at is not null";
        eventually("the enricher is done", DEADLINE, async || (self.count(sql).await >= count).then_some(()))
            .await;
    }

    /// Messages on a lead, once there is one.
    pub(crate) async fn message(&self, lead_id: &str) -> String {
        eventually("a message is on the lead", DEADLINE, async || {
            self.outside.c2s.messages(lead_id).into_iter().next()
        })
        .await
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Status, outcome, source of the CPF and note of every enrichment.
    pub(crate) async fn enrichments(&self) -> Vec<(String, Option<String>, Option<String>, Option<String>)> {
        let sql =
            "select status, outcome, cpf_source, note from lead_enrichments order by started_at, lead_id";
        sqlx::query_as(sql).fetch_all(self.pool()).await.unwrap()
    }

    /// Attempts that failed, and events that died.
    pub(crate) fn lost(&self) -> (u64, u64) {
        let accounts = self.replicas.iter().filter_map(|replica| replica.accounts.enricher.clone());
        accounts.fold((0, 0), |(retried, dead), account| (retried + account.retried(), dead + account.dead()))
    }

    pub(crate) async fn stop(&self) {
        for replica in &self.replicas {
            replica.shutdown.drain();
        }
        for replica in &self.replicas {
            replica.shutdown.finished(Duration::from_secs(30)).await;
        }
    }
}

/// A lead of somebody whom everybody knows.
pub(crate) fn joao(id: &str) -> Lead {
    Lead::new(id, "Joao Exemplo", "+55 (11) 98765-4321", "joao@example.com")
}
