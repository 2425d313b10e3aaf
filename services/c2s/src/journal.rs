//! Failed attempts and dead letters go into the ledger before the broker hears of them.

use consumer::{Failure, Journal, Message, Outcome};
use store::webhook_events::{Reason, record_dead, record_failed};
use time::OffsetDateTime;

use crate::{
    event::{bare_ledger_event, decode, ledger_event},
    leads::{Leads, failure},
    span::StatementSpans,
};

impl Journal for Leads {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let spans = StatementSpans::open("insert", "webhook_events", std::iter::once(message), &self.pool);
        self.write(message, outcome).await.map_err(|error| {
            spans.fail(&error);
            failure(error)
        })
    }
}

impl Leads {
    async fn write(&self, message: &Message, outcome: Outcome<'_>) -> sqlx::Result<()> {
        let decoded = decode(message).ok().filter(|_| message.envelope.rejected.is_none());
        let event = decoded
            .as_ref()
            .map_or_else(|| bare_ledger_event(message), |decoded| ledger_event(message, decoded));
        let headers = message.strange_headers.as_ref();
        let mut transaction = self.pool.begin().await?;
        match outcome {
            Outcome::Failed { code, error } => {
                let reason = Reason { code, error, headers };
                record_failed(&mut transaction, &event, reason).await?;
            }
            Outcome::Dead { code, error } => {
                let reason = Reason { code, error, headers };
                record_dead(&mut transaction, &event, reason, OffsetDateTime::now_utc()).await?;
            }
        }
        transaction.commit().await
    }
}
