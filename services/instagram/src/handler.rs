//! The consumer `instagram-handler`: ledger and Instagram's tables, one transaction per batch.

use consumer::{Batch, Failure, Journal, Message, OnRecord, Outcome, Received};
use contract::{metric, stream::instagram::PROVIDER};
use opentelemetry::{KeyValue, metrics::Counter};
use service::{
    failure,
    ledger::{self, Admissions},
    span::StatementSpans,
};
use sqlx::PgPool;
use store::webhook_events::{self, Admitted};
use time::OffsetDateTime;

use crate::{
    effects::Effects,
    event::{Decoded, decode, ledger_event},
};

/// Stores batches of events.
pub(crate) struct Handler {
    pool: PgPool,
    admissions: Admissions,
    events: Counter<u64>,
}

impl Handler {
    pub(crate) fn new(pool: PgPool) -> Self {
        let events = telemetry::meter()
            .u64_counter(metric::INSTAGRAM_EVENTS)
            .with_description("Instagram events by type, and by what was stored of them")
            .build();
        Self { pool, admissions: Admissions::new(PROVIDER), events }
    }

    /// Admits the events to the ledger and writes the effects of those that may have any.
    async fn store(&self, received: &[Received<Decoded>]) -> sqlx::Result<Vec<Admitted>> {
        let events: Vec<_> = received.iter().map(|Received { message, .. }| ledger_event(message)).collect();
        let mut transaction = self.pool.begin().await?;
        let admitted = webhook_events::admit(&mut transaction, &events, OffsetDateTime::now_utc()).await?;
        Effects::of(received, &admitted).write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(admitted)
    }

    fn count(&self, received: &[Received<Decoded>], admitted: &[Admitted]) {
        self.admissions.count(admitted);
        for (Received { event, .. }, admitted) in received.iter().zip(admitted) {
            if admitted.has_effects() {
                let labels = [
                    KeyValue::new("type", event.action.event_type()),
                    KeyValue::new("outcome", event.outcome()),
                ];
                self.events.add(1, &labels);
            }
        }
    }
}

impl Batch for Handler {
    type Event = Decoded;

    /// What can never be stored is dead before it costs its batch anything.
    fn decode(&self, message: &Message) -> Result<Decoded, Failure> {
        ledger::accepted(message)?;
        ledger::indexable(&ledger_event(message))?;
        decode(message)
    }

    async fn apply(&self, received: &[Received<Decoded>]) -> Result<(), Failure> {
        let messages = received.iter().map(|Received { message, .. }| message);
        let spans = StatementSpans::open("insert", "webhook_events", messages, &self.pool);
        match self.store(received).await {
            Ok(admitted) => {
                self.count(received, &admitted);
                Ok(())
            }
            Err(error) => {
                spans.fail(&error);
                Err(failure(error))
            }
        }
    }
}

impl Journal for Handler {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        let events: Vec<_> = messages.iter().map(|message| ledger_event(message)).collect();
        service::attempts::on_record(&self.pool, &events).await
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        let events: Vec<_> = messages.iter().map(|message| ledger_event(message)).collect();
        service::attempts::begin(&self.pool, messages, &events).await
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        service::attempts::release(&self.pool, &ledger_event(message)).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        service::journal::record(&self.pool, message, &ledger_event(message), outcome).await
    }
}
