//! What is kept of people, and an erasure of them.

use std::{collections::BTreeMap, path::Path};

use bus::{Bus, Event as Published, Publisher, Topology, claim::Claims};
use config::Secret;
use contract::{
    Envelope, EventId,
    c2s::split,
    stream::c2s::{ENRICHER_CONSUMER, PROVIDER, STREAM},
};
use erasure::Erasure;
use people::{BlindIndex, Cpf, Person};
use seal::{Keyring, Place};
use sqlx::PgPool;
use store::{
    event_handlings,
    lead_enrichments::{self, Outcome, Progress, Wish},
    lead_messages::{self, Draft},
    leads, people as cache,
    webhook_events::{self, Event, Position, Reason},
};
use testkit::{Broker, Database};
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) const CPF: &str = "52998224725";

pub(crate) struct Kept {
    pub(crate) broker: Broker,
    pub(crate) database: Database,
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
}

impl Kept {
    pub(crate) async fn start() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        Self { broker, database, bus, publisher }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    pub(crate) fn erasure(&self) -> Erasure {
        Erasure {
            bus: self.bus.clone(),
            claims: self.claims(),
            pool: self.pool().clone(),
            index: index(),
            keys: Some(keys()),
        }
    }

    pub(crate) fn claims(&self) -> Claims {
        Claims::new(&self.bus, &self.broker.config())
    }

    /// Runs statements, as they are.
    pub(crate) async fn given(&self, statements: &[&'static str]) {
        for statement in statements {
            sqlx::raw_sql(*statement)
                .execute(self.pool())
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// Publishes an event, and gives its envelope and position.
    pub(crate) async fn publish(&self, body: &str) -> (Envelope, u64) {
        let event = split(body).unwrap().remove(0).unwrap();
        let envelope = Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.updated".to_owned(),
            subject: Some(event.lead_id.clone()),
            time: OffsetDateTime::now_utc(),
            content_type: "application/json".to_owned(),
            dedup_key: event.dedup_key(),
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: BTreeMap::new(),
        };
        let published = Published {
            stream: STREAM,
            subject: "ingest.c2s.updated".to_owned(),
            envelope: envelope.clone(),
            payload: body.to_owned().into(),
        };
        let receipt = self.publisher.publish(published).await.unwrap();
        (envelope, receipt.sequence)
    }

    /// What the consumers of the stream do with an event.
    pub(crate) async fn handle(&self, body: &str, (envelope, sequence): &(Envelope, u64), dies: bool) {
        let event = event(body, envelope, *sequence);
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.pool().begin().await.unwrap();
        if dies {
            let reason = Reason { code: contract::code::NOT_STORABLE, error: "no", headers: None };
            webhook_events::record_dead(&mut transaction, &event, reason, now).await.unwrap();
        } else {
            webhook_events::admit(&mut transaction, std::slice::from_ref(&event), now).await.unwrap();
        }
        event_handlings::admit(&mut transaction, ENRICHER_CONSUMER, std::slice::from_ref(&event), now)
            .await
            .unwrap();
        event_handlings::complete(&mut transaction, ENRICHER_CONSUMER, &[envelope.id], now).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Whether a text is anywhere in any row of any table, as text or as bytes.
    pub(crate) async fn holds(&self, text: &str) -> bool {
        let (everything, bytes) = (self.everything().await, hex::encode(text));
        everything.contains(text) || everything.contains(&bytes)
    }

    /// Every row of every table, as text.
    pub(crate) async fn everything(&self) -> String {
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename from pg_tables where schemaname = 'public'")
                .fetch_all(self.pool())
                .await
                .unwrap();
        let mut all = String::new();
        for table in tables {
            let sql = format!("select coalesce(string_agg(t::text, ' '), '') from \"{table}\" t");
            let rows: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(self.pool()).await.unwrap();
            all.push_str(&rows);
        }
        all
    }

    pub(crate) async fn on_stream(&self) -> Vec<u64> {
        let mut sequences = Vec::new();
        self.bus.scan(STREAM, |stored| sequences.push(stored.sequence)).await.unwrap();
        sequences
    }
}

pub(crate) fn event<'a>(body: &'a str, envelope: &'a Envelope, sequence: u64) -> Event<'a> {
    Event {
        provider: PROVIDER,
        envelope,
        body: body.as_bytes(),
        lead_id: envelope.subject.as_deref(),
        updated_at: None,
        position: Position { stream: STREAM, subject: "ingest.c2s.updated", sequence },
        attempt: 1,
        trace_id: None,
    }
}

pub(crate) fn keys() -> Keyring {
    let key = "test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    Keyring::new(&config::Seal { keys: config::List(vec![Secret::from(key)]) }).unwrap()
}

pub(crate) fn index() -> BlindIndex {
    BlindIndex::new(&[Secret::from("0123456789abcdef0123456789abcdef")]).unwrap()
}

pub(crate) fn body(lead: &str, second: u32, customer: &str, description: &str) -> String {
    format!(
        r#"{{"id":"{lead}","attributes":{{"updated_at":"2026-01-20T10:00:{second:02}Z","customer":{{{customer}}},"description":"{description}"}}}}"#
    )
}

/// The row of a lead, as the store makes it.
pub(crate) async fn store_lead(kept: &Kept, body: &str, event_id: EventId) {
    let lead = contract::c2s::Lead::parse(body.as_bytes()).unwrap();
    let lead_id = split(body).unwrap().remove(0).unwrap().lead_id;
    let now = OffsetDateTime::now_utc();
    let snapshot =
        leads::Snapshot { lead_id: &lead_id, updated_at: now, lead: &lead, event_id, received_at: now };
    leads::upsert(&mut kept.pool().acquire().await.unwrap(), &[snapshot]).await.unwrap();
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(std::fs::read(entry.path()).unwrap_or_default());
        }
    }
    found
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// An enrichment of a lead, as the enricher leaves it.
pub(crate) async fn enrich(kept: &Kept, lead_id: &str, event_id: EventId, cpf: &Cpf, looked_up: &Person) {
    let (now, id, index) = (OffsetDateTime::now_utc(), Uuid::now_v7(), index());
    let mut connection = kept.pool().acquire().await.unwrap();
    let fingerprints = [vec![1; 32]];
    let wish = Wish {
        id,
        lead_id,
        fingerprints: &fingerprints,
        event_id,
        updated_at: now,
        force: false,
        leased_until: now,
    };
    lead_enrichments::claim(&mut connection, &wish, now).await.unwrap();
    let progress =
        Progress { sealed: b"sealed", cpf_indexes: &[index.of_cpf(cpf)], cpf_source: Some("phone") };
    lead_enrichments::advance(&mut connection, id, progress, &serde_json::json!({})).await.unwrap();
    let content_hashes = [vec![2; 32]];
    let draft = Draft {
        id,
        enrichment_id: id,
        lead_id,
        content_hashes: &content_hashes,
        marker: "[weir:02]",
        body_sealed: b"sealed",
    };
    lead_messages::draft(&mut connection, &draft, now).await.unwrap();
    assert!(lead_messages::begin(&mut connection, id, now).await.unwrap());
    lead_messages::confirm(&mut connection, id, lead_messages::ConfirmedBy::Answer, now).await.unwrap();
    lead_enrichments::complete(&mut connection, id, Outcome::Enriched, "", now).await.unwrap();
    let row = id.to_string();
    let place = Place { table: "people", column: "person_sealed", row: &row };
    let person = keys().seal(&serde_json::to_vec(looked_up).unwrap(), &place);
    let entry = cache::Entry {
        id,
        cpf_index: &index.of_cpf(cpf),
        cpf_sealed: b"sealed",
        person_sealed: Some(&person),
        source: "work-api",
        fetched_at: now,
        expires_at: now + time::Duration::days(30),
    };
    cache::keep(&mut connection, &entry).await.unwrap();
}
