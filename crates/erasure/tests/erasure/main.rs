//! Erasing people from a real broker and a real database.

#![cfg(test)]

use std::{collections::BTreeMap, path::Path};

use bus::{Bus, Event as Published, Publisher, Topology};
use config::Secret;
use contract::{
    Envelope, EventId,
    c2s::split,
    stream::c2s::{ENRICHER_CONSUMER, PROVIDER, STREAM},
};
use erasure::Erasure;
use people::{BlindIndex, Cpf};
use sqlx::PgPool;
use store::{
    event_handlings,
    lead_enrichments::{self, Outcome, Progress, Wish},
    lead_messages::{self, Draft},
    leads, people as cache, person_erasures,
    webhook_events::{self, Event, Position, Reason},
};
use testkit::{Broker, Database};
use time::OffsetDateTime;
use uuid::Uuid;

const CPF: &str = "52998224725";

struct Kept {
    broker: Broker,
    database: Database,
    bus: Bus,
    publisher: Publisher,
}

impl Kept {
    async fn start() -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        Self { broker, database, bus, publisher }
    }

    fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    fn erasure(&self) -> Erasure {
        Erasure::new(self.bus.clone(), self.pool().clone(), index())
    }

    /// Publishes an event, and gives its envelope and position.
    async fn publish(&self, body: &str) -> (Envelope, u64) {
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
    async fn handle(&self, body: &str, (envelope, sequence): &(Envelope, u64), dies: bool) {
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

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Every row of every table, as text.
    async fn everything(&self) -> String {
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

    async fn on_stream(&self) -> Vec<u64> {
        let mut sequences = Vec::new();
        self.bus.scan(STREAM, |stored| sequences.push(stored.sequence)).await.unwrap();
        sequences
    }
}

fn event<'a>(body: &'a str, envelope: &'a Envelope, sequence: u64) -> Event<'a> {
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

fn index() -> BlindIndex {
    BlindIndex::new(&[Secret::from("0123456789abcdef0123456789abcdef")]).unwrap()
}

fn body(lead: &str, second: u32, customer: &str, description: &str) -> String {
    format!(
        r#"{{"id":"{lead}","attributes":{{"updated_at":"2026-01-20T10:00:{second:02}Z","customer":{{{customer}}},"description":"{description}"}}}}"#
    )
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
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

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// An enrichment of a lead, as the enricher leaves it.
async fn enrich(kept: &Kept, lead_id: &str, event_id: EventId, cpf: &Cpf) {
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
    let entry = cache::Entry {
        id,
        cpf_index: &index.of_cpf(cpf),
        cpf_sealed: b"sealed",
        person_sealed: Some(b"sealed"),
        source: "work-api",
        fetched_at: now,
        expires_at: now + time::Duration::days(30),
    };
    cache::keep(&mut connection, &entry).await.unwrap();
}

#[tokio::test]
async fn a_person_is_gone_from_every_place_and_the_books_balance() {
    let kept = Kept::start().await;
    let cpf: Cpf = CPF.parse().unwrap();
    let customer = r#""name":"JOAO EXEMPLO","phone":"11987654321","email":"joao@example.com""#;

    // A lead that was found to be theirs by the phone: nothing in it names the CPF.
    let by_phone = body("lead-1", 1, customer, "Veio do portal");
    let at = kept.publish(&by_phone).await;
    kept.handle(&by_phone, &at, false).await;
    let lead = contract::c2s::Lead::parse(by_phone.as_bytes()).unwrap();
    let snapshot = leads::Snapshot {
        lead_id: "lead-1",
        updated_at: OffsetDateTime::now_utc(),
        lead: &lead,
        event_id: at.0.id,
        received_at: OffsetDateTime::now_utc(),
    };
    leads::upsert(&mut kept.pool().acquire().await.unwrap(), &[snapshot]).await.unwrap();
    enrich(&kept, "lead-1", at.0.id, &cpf).await;
    // One that names it, and died; and one of the same lead that nobody has handled yet.
    let named = body("lead-2", 2, customer, r"CPF 529\u002e982\u002e247-25");
    let died = kept.publish(&named).await;
    kept.handle(&named, &died, true).await;
    let waiting = kept.publish(&body("lead-2", 3, customer, "")).await;
    // Somebody else.
    let other = body("lead-3", 4, r#""name":"MARIA EXEMPLO""#, "CPF 111.444.777-35");
    let others = kept.publish(&other).await;
    kept.handle(&other, &others, false).await;

    let erasure = kept.erasure();
    let traces = erasure.find(&cpf).await.unwrap();
    assert_eq!((traces.report.stream_messages, traces.report.webhook_events), (3, 2));
    assert_eq!(kept.on_stream().await.len(), 4, "looking changes nothing");
    let report = erasure.erase(&cpf, &traces, OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(
        (
            report.people,
            report.leads,
            report.lead_enrichments,
            report.lead_messages,
            report.stream_messages,
            report.unhandled_messages
        ),
        (1, 1, 1, 1, 3, 1)
    );
    assert_eq!(report.at_contact2sale, [("lead-1".to_owned(), 1)]);

    // Nothing says who it was; everybody else is there.
    let everything = kept.everything().await;
    for secret in [CPF, "529.982", "982.247", "JOAO", "joao@", "11987654321", "529\\\\u002e"] {
        assert!(!everything.contains(secret), "{secret} is still there");
    }
    let bytes = "select count(*) from webhook_events where position(convert_to('JOAO', 'UTF8') in body) > 0";
    assert_eq!(kept.count(bytes).await, 0);
    assert_eq!(kept.on_stream().await, [others.1]);
    assert_eq!(
        kept.count(
            "select count(*) from webhook_events where position(convert_to('MARIA', 'UTF8') in body) > 0"
        )
        .await,
        1
    );

    // Nor the broker's files: the bytes are overwritten, not only unlinked.
    let files = files(kept.broker.log().parent().unwrap());
    assert!(files.iter().any(|bytes| holds(bytes, "MARIA EXEMPLO")), "these are the files");
    assert!(!files.iter().any(|bytes| holds(bytes, "JOAO EXEMPLO")), "a message is still on the disk");

    // Every position has its row, here and with the enricher.
    assert_eq!(kept.count("select count(distinct stream_sequence) from webhook_events").await, 4);
    assert_eq!(
        kept.count(
            "select count(*) from webhook_events where erased_at is not null and body = '{\"erased\":true}'"
        )
        .await,
        3
    );
    let entered =
        "select count(*) from webhook_events where status = 'dead_letter' and error_code = 'erased'";
    assert_eq!(kept.count(entered).await, 1);
    assert_eq!(kept.count("select count(*) from event_handlings where error_code = 'erased'").await, 1);
    assert!(waiting.1 > 0);

    // Nobody looks them up again, and a second run finds nothing.
    let mut connection = kept.pool().acquire().await.unwrap();
    assert!(person_erasures::is_erased(&mut connection, &index().all_of_cpf(&cpf)).await.unwrap());
    drop(connection);
    assert!(erasure.find(&cpf).await.unwrap().report.is_empty());
}
