//! Failed attempts and dead letters go into the ledger before the broker hears of them.

use consumer::{Failure, Journal, Message, OnRecord, Outcome};
use contract::stream::brightdata::PROVIDER;
use service::ledger;

use crate::processor::Processor;

impl Journal for Processor {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        let events: Vec<_> = messages.iter().map(|message| ledger::event(PROVIDER, message)).collect();
        service::attempts::on_record(&self.pool, &events).await
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        let events: Vec<_> = messages.iter().map(|message| ledger::event(PROVIDER, message)).collect();
        service::attempts::begin(&self.pool, messages, &events).await
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        service::attempts::release(&self.pool, &ledger::event(PROVIDER, message)).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        service::journal::record(&self.pool, message, &ledger::event(PROVIDER, message), outcome).await
    }
}
