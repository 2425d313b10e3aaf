//! Failed attempts and dead letters go into the ledger before the broker hears of them.

use consumer::{Failure, Journal, Message, Outcome};

use crate::{
    event::{bare_ledger_event, decode, ledger_event},
    leads::Leads,
};

impl Journal for Leads {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let decoded = decode(message).ok().filter(|_| message.envelope.rejected.is_none());
        let event = decoded
            .as_ref()
            .map_or_else(|| bare_ledger_event(message), |decoded| ledger_event(message, decoded));
        service::journal::record(&self.pool, message, &event, outcome).await
    }
}
