//! A message as the ledger sees it.

use anyhow::anyhow;
use consumer::{Failure, Message};
use contract::{code, metric};
use opentelemetry::{KeyValue, metrics::Counter};
use store::webhook_events::{Admitted, Event, KEY_MAX_BYTES, Position};

/// The ledger's view of a message of which only the envelope is known.
pub fn event<'a>(provider: &'a str, message: &'a Message) -> Event<'a> {
    Event {
        provider,
        envelope: &message.envelope,
        body: &message.payload,
        lead_id: None,
        updated_at: None,
        position: Position { stream: &message.stream, subject: &message.subject, sequence: message.sequence },
        attempt: message.attempt,
        trace_id: telemetry::propagation::trace_id(&message.span),
    }
}

/// Refuses what the edge found invalid, and published for the record only.
///
/// # Errors
/// [`Failure::Dead`] with the edge's code.
pub fn accepted(message: &Message) -> Result<(), Failure> {
    match message.envelope.rejected {
        Some(code) => Err(Failure::Dead { code, source: anyhow!("refused at the edge") }),
        None => Ok(()),
    }
}

/// Refuses what the ledger cannot find again, before it costs its batch anything.
///
/// # Errors
/// [`Failure::Dead`] with [`code::NOT_STORABLE`].
pub fn indexable(event: &Event<'_>) -> Result<(), Failure> {
    if event.is_indexable() {
        return Ok(());
    }
    let source = anyhow!("its id or dedup key is longer than {KEY_MAX_BYTES} bytes");
    Err(Failure::Dead { code: code::NOT_STORABLE, source })
}

/// Counts events by what the ledger made of them.
#[derive(Debug, Clone)]
pub struct Admissions {
    provider: &'static str,
    counter: Counter<u64>,
}

impl Admissions {
    /// The counter of one provider's events.
    pub fn new(provider: &'static str) -> Self {
        let counter = telemetry::meter()
            .u64_counter(metric::LEDGER_ADMITTED)
            .with_description("Events by what the ledger made of them")
            .build();
        Self { provider, counter }
    }

    /// Counts a batch; call it when the transaction is committed.
    pub fn count(&self, admitted: &[Admitted]) {
        for outcome in ["new", "resumed", "duplicate", "moot"] {
            let count = admitted.iter().filter(|admitted| admitted.as_str() == outcome).count();
            if count > 0 {
                let labels = [KeyValue::new("provider", self.provider), KeyValue::new("outcome", outcome)];
                self.counter.add(u64::try_from(count).unwrap_or(u64::MAX), &labels);
            }
        }
    }
}
