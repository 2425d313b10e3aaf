//! A message understood as a usage report.

use anyhow::anyhow;
use consumer::{Failure, Message};
use contract::{code, stream::usage::PROVIDER, usage::Usage};
use service::ledger;
use store::webhook_events::Event;

/// What a message says.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) usage: Usage,
    /// It has no effects.
    pub(crate) is_test: bool,
}

/// Reads a message. What can never be stored is dead before it costs its batch anything.
pub(crate) fn decode(message: &Message) -> Result<Decoded, Failure> {
    ledger::accepted(message)?;
    ledger::indexable(&ledger_event(message))?;
    let refused = |code, what: &'static str| Failure::Dead { code, source: anyhow!(what) };
    let usage = Usage::parse(&message.payload);
    let usage = usage.ok_or_else(|| refused(code::UNEXPECTED_SHAPE, "the body is no usage report"))?;
    let is_test = usage.is_test || message.envelope.extensions.get("test").is_some_and(|flag| flag == "true");
    if usage.session_id.is_none() && !is_test {
        return Err(refused(code::MISSING_SESSION_ID, "the report names no session"));
    }
    Ok(Decoded { usage, is_test })
}

/// The ledger's view of a message.
pub(crate) fn ledger_event(message: &Message) -> Event<'_> {
    ledger::event(PROVIDER, message)
}
