//! Failed attempts and dead letters are recorded before the broker hears of them.

use consumer::{Failure, Journal, Message, OnRecord, Outcome};
use contract::stream::c2s::PROVIDER;
use service::handling;
use store::lead_enrichments;
use tracing::warn;

use super::Enricher;

impl Journal for Enricher {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        handling::on_record(&self.pool, messages).await
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        handling::release(&self.pool, message).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let (Outcome::Failed { code, error } | Outcome::Dead { code, error }) = outcome;
        // What others say is told in plain words already; this is for the rest, the database's errors say.
        let error = people::masked(error);
        let outcome = match outcome {
            Outcome::Failed { .. } => Outcome::Failed { code, error: &error },
            Outcome::Dead { .. } => Outcome::Dead { code, error: &error },
        };
        let failing = async {
            let mut connection = self.pool.acquire().await?;
            lead_enrichments::fail(&mut connection, message.envelope.id, code, &error).await
        };
        failing.await.map_err(service::failure)?;
        handling::record(&self.pool, PROVIDER, message, outcome).await?;
        let lead = message.envelope.subject.as_deref().unwrap_or("?");
        // The older service's words: operators look for them with grep.
        warn!(code = code.as_str(), attempt = message.attempt, "Failed to enrich lead_id={lead}: {error}");
        Ok(())
    }
}
