//! The consumer `usage-sessions`: ledger, queries and sessions, one transaction per batch.

use consumer::{Batch, Failure, Journal, Message, OnRecord, Outcome, Received};
use contract::{EventId, stream::usage::PROVIDER};
use service::{failure, ledger::Admissions, span::StatementSpans};
use sqlx::PgPool;
use store::{
    usage_queries::{self, Query},
    usage_sessions,
    webhook_events::{self, Admitted},
};
use time::{Duration, OffsetDateTime};

use crate::event::{Decoded, decode, ledger_event};

/// How far ahead of ours a sender's clock may be before it is not believed.
const AHEAD_MAX: Duration = Duration::DAY;

/// Stores batches of reports.
pub(crate) struct Sessions {
    pool: PgPool,
    admissions: Admissions,
}

impl Sessions {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, admissions: Admissions::new(PROVIDER) }
    }

    /// Admits the events to the ledger and counts those that may have effects.
    async fn store(&self, received: &[Received<Decoded>]) -> sqlx::Result<Vec<Admitted>> {
        let events: Vec<_> = received.iter().map(|Received { message, .. }| ledger_event(message)).collect();
        let mut transaction = self.pool.begin().await?;
        let admitted = webhook_events::admit(&mut transaction, &events, OffsetDateTime::now_utc()).await?;
        let queries: Vec<_> = received
            .iter()
            .zip(&admitted)
            .filter_map(|(received, admitted)| {
                query(received, admitted.ledger_id(received.message.envelope.id)?)
            })
            .collect();
        if !queries.is_empty() {
            usage_queries::insert(&mut transaction, &queries).await?;
            usage_sessions::add(&mut transaction, &queries).await?;
        }
        transaction.commit().await?;
        Ok(admitted)
    }
}

/// What a report says of its query; nothing if it is a test.
fn query(received: &Received<Decoded>, event_id: EventId) -> Option<Query<'_>> {
    let Received { message, event: Decoded { usage, is_test } } = received;
    if *is_test {
        return None;
    }
    let received_at = message.envelope.time;
    let is_believed = |at: &OffsetDateTime| *at <= received_at + AHEAD_MAX;
    let chars = usage.query.as_deref().map(|query| query.chars().count());
    Some(Query {
        event_id,
        session_id: usage.session_id.as_deref()?,
        asked_at: usage.timestamp.filter(is_believed).unwrap_or(received_at),
        received_at,
        summary: usage.summary(),
        chars: chars.map(|chars| i32::try_from(chars).unwrap_or(i32::MAX)),
        category: usage.category().as_str(),
        complexity: i16::from(usage.complexity()),
        model_name: usage.model_name.as_deref(),
        model_used: usage.model_family(),
        response_time_ms: usage.response_time_ms,
        tokens: usage.estimated_tokens,
        cost: usage.estimated_cost,
        success: usage.success,
    })
}

impl Batch for Sessions {
    type Event = Decoded;

    fn decode(&self, message: &Message) -> Result<Decoded, Failure> {
        decode(message)
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

impl Journal for Sessions {
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
