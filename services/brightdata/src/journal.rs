//! Failed attempts and dead letters go into the ledger before the broker hears of them.

use consumer::{Failure, Journal, Message, Outcome};
use contract::stream::brightdata::PROVIDER;

use crate::processor::Processor;

impl Journal for Processor {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        service::journal::record(&self.pool, message, &service::ledger::event(PROVIDER, message), outcome)
            .await
    }
}
