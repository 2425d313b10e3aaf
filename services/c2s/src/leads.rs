//! The consumer `c2s-leads`: ledger, lead events and leads, one transaction per batch.

use anyhow::anyhow;
use consumer::{Batch, Failure, Message, Received};
use contract::stream::c2s::PROVIDER;
use service::{
    failure,
    ledger::{self, Admissions},
    span::StatementSpans,
};
use sqlx::PgPool;
use store::{
    lead_events::{self, LeadEvent},
    leads::{self, Snapshot},
    webhook_events::{self, Admitted},
};
use time::OffsetDateTime;

use crate::event::{Decoded, decode, ledger_event};

/// Stores batches of lead events.
pub(crate) struct Leads {
    pub(crate) pool: PgPool,
    admissions: Admissions,
}

impl Leads {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, admissions: Admissions::new(PROVIDER) }
    }

    /// Admits the events to the ledger and applies those that may have effects.
    async fn store(&self, received: &[Received<Decoded>]) -> sqlx::Result<Vec<Admitted>> {
        let events: Vec<_> =
            received.iter().map(|Received { message, event }| ledger_event(message, event)).collect();
        let mut transaction = self.pool.begin().await?;
        let admitted = webhook_events::admit(&mut transaction, &events, OffsetDateTime::now_utc()).await?;
        let effects = Effects::of(received, &admitted);
        if !effects.events.is_empty() {
            lead_events::insert(&mut transaction, &effects.events).await?;
            leads::upsert(&mut transaction, &effects.snapshots).await?;
        }
        transaction.commit().await?;
        Ok(admitted)
    }
}

impl Batch for Leads {
    type Event = Decoded;

    /// What can never be stored is dead before it costs its batch anything.
    fn decode(&self, message: &Message) -> Result<Decoded, Failure> {
        ledger::accepted(message)?;
        let decoded = decode(message).map_err(not_a_lead)?;
        ledger::indexable(&ledger_event(message, &decoded))?;
        Ok(decoded)
    }

    async fn apply(&self, received: &[Received<Decoded>]) -> Result<(), Failure> {
        let messages = received.iter().map(|Received { message, .. }| message);
        let spans = StatementSpans::open("insert", "webhook_events", messages, &self.pool);
        match self.store(received).await {
            Ok(admitted) => {
                self.admissions.count(&admitted);
                Ok(())
            }
            Err(error) => {
                spans.fail(&error);
                Err(failure(error))
            }
        }
    }
}

/// What the admitted events of a batch do to the leads.
struct Effects<'a> {
    events: Vec<LeadEvent<'a>>,
    snapshots: Vec<Snapshot<'a>>,
}

impl<'a> Effects<'a> {
    fn of(received: &'a [Received<Decoded>], admitted: &[Admitted]) -> Self {
        let (events, snapshots) = received
            .iter()
            .zip(admitted)
            .filter_map(|(Received { message, event: decoded }, admitted)| {
                let envelope = &message.envelope;
                let event_id = admitted.ledger_id(envelope.id)?;
                let event = LeadEvent {
                    event_id,
                    lead_id: &decoded.lead_id,
                    event_type: &envelope.event_type,
                    hook_action: envelope.action.as_deref(),
                    updated_at: decoded.updated_at,
                    status_alias: decoded.lead.status_alias.as_deref(),
                    received_at: envelope.time,
                };
                let snapshot = Snapshot {
                    lead_id: &decoded.lead_id,
                    updated_at: decoded.updated_at,
                    lead: &decoded.lead,
                    event_id,
                    received_at: envelope.time,
                };
                Some((event, snapshot))
            })
            .unzip();
        Self { events, snapshots }
    }
}

fn not_a_lead(code: contract::Code) -> Failure {
    Failure::Dead { code, source: anyhow!("the body is no lead event") }
}
