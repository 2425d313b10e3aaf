//! Failed attempts and dead letters go into the ledger before the broker hears of them.

use consumer::{Failure, Journal, Message, OnRecord, Outcome};
use store::webhook_events::Event;

use crate::{
    event::{Decoded, bare_ledger_event, decode, ledger_event},
    leads::Leads,
};

impl Journal for Leads {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        let events: Vec<_> = messages.iter().map(|message| bare_ledger_event(message)).collect();
        service::attempts::on_record(&self.pool, &events).await
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        let decoded: Vec<_> = messages.iter().map(|message| readable(message)).collect();
        let events: Vec<_> =
            messages.iter().zip(&decoded).map(|(message, decoded)| view(message, decoded.as_ref())).collect();
        service::attempts::begin(&self.pool, messages, &events).await
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        service::attempts::release(&self.pool, &bare_ledger_event(message)).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let decoded = readable(message);
        service::journal::record(&self.pool, message, &view(message, decoded.as_ref()), outcome).await
    }
}

fn readable(message: &Message) -> Option<Decoded> {
    decode(message).ok().filter(|_| message.envelope.rejected.is_none())
}

/// The ledger's view of a message, with all that could be read.
fn view<'a>(message: &'a Message, decoded: Option<&'a Decoded>) -> Event<'a> {
    decoded.map_or_else(|| bare_ledger_event(message), |decoded| ledger_event(message, decoded))
}
