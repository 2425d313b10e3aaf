//! Events and rows to test with.

use contract::{Envelope, EventId};
use sqlx::{PgConnection, PgPool};
use store::webhook_events::{Admitted, Event, Position, admit};
use time::{OffsetDateTime, macros::datetime};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-20 10:00:05 UTC);
pub(crate) const INSTANT: OffsetDateTime = datetime!(2026-01-20 10:00:00 UTC);
pub(crate) const BODY: &[u8] = br#"{"id":"lead-1", "attributes":{"updated_at":"2026-01-20T10:00:00Z"}}"#;

/// An event that owns its envelope.
pub(crate) struct Given {
    pub(crate) envelope: Envelope,
    pub(crate) body: Vec<u8>,
    pub(crate) lead_id: String,
    pub(crate) updated_at: OffsetDateTime,
    pub(crate) sequence: u64,
    pub(crate) attempt: u64,
}

impl Given {
    pub(crate) fn event(&self) -> Event<'_> {
        Event {
            provider: "c2s",
            envelope: &self.envelope,
            body: &self.body,
            lead_id: Some(&self.lead_id),
            updated_at: Some(self.updated_at),
            position: Position { stream: "C2S", subject: "ingest.c2s.created", sequence: self.sequence },
            attempt: self.attempt,
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        }
    }

    /// The same event in another message: sent again by the provider, outside every window.
    pub(crate) fn sent_again(&self, sequence: u64) -> Self {
        Self {
            envelope: Envelope { id: EventId::generate(), ..self.envelope.clone() },
            body: self.body.clone(),
            lead_id: self.lead_id.clone(),
            updated_at: self.updated_at,
            sequence,
            attempt: 1,
        }
    }
}

/// The event of `lead` at `updated_at`, in message `sequence`.
pub(crate) fn event(lead: &str, updated_at: OffsetDateTime, sequence: u64) -> Given {
    Given {
        envelope: Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject: Some(lead.to_owned()),
            time: datetime!(2026-01-20 10:00:01 UTC),
            content_type: "application/json".to_owned(),
            dedup_key: format!("c2s:{lead}:{}", updated_at.unix_timestamp_nanos() / 1_000),
            delivery_id: None,
            action: Some("lead.created".to_owned()),
            rejected: None,
            replayed_from: None,
            extensions: std::collections::BTreeMap::new(),
        },
        body: BODY.to_vec(),
        lead_id: lead.to_owned(),
        updated_at,
        sequence,
        attempt: 1,
    }
}

/// Admits in a transaction of its own.
pub(crate) async fn admitted(pool: &PgPool, given: &[&Given]) -> Vec<Admitted> {
    let events: Vec<_> = given.iter().map(|given| given.event()).collect();
    let mut transaction = pool.begin().await.unwrap();
    let admitted = admit(&mut transaction, &events, NOW).await.unwrap();
    transaction.commit().await.unwrap();
    admitted
}

/// Status, attempts and error code of the row with the event's key.
pub(crate) async fn row(connection: &mut PgConnection, given: &Given) -> (String, i32, Option<String>) {
    sqlx::query_as("select status, attempts, error_code from webhook_events where dedup_key = $1")
        .bind(&given.envelope.dedup_key)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// The only value of a query without parameters.
pub(crate) async fn scalar(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
