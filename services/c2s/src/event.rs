//! A message understood as a lead event.

use consumer::Message;
use contract::{
    Code,
    c2s::{Lead, LeadEvent},
    code,
    stream::c2s::PROVIDER,
};
use store::webhook_events::Event;
use time::OffsetDateTime;

/// What a message says of its lead.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) lead_id: String,
    pub(crate) updated_at: OffsetDateTime,
    pub(crate) lead: Lead,
}

/// Reads the lead out of a message; the error is why it is none.
pub(crate) fn decode(message: &Message) -> Result<Decoded, Code> {
    let LeadEvent { lead_id, updated_at, .. } = head(message)?;
    let lead = Lead::parse(&message.payload).ok_or(code::MALFORMED)?;
    Ok(Decoded { lead_id, updated_at, lead })
}

/// Reads what the edge read: one event, whose lead and instant are known.
fn head(message: &Message) -> Result<LeadEvent<'_>, Code> {
    let body = str::from_utf8(&message.payload).map_err(|_| code::MALFORMED)?;
    let mut events = contract::c2s::split(body)?.into_iter();
    match (events.next(), events.next()) {
        (Some(event), None) => event.map_err(|rejected| rejected.code),
        // The edge publishes every event of a delivery by itself.
        _ => Err(code::UNEXPECTED_SHAPE),
    }
}

/// The ledger's view of a message whose lead is known.
pub(crate) fn ledger_event<'a>(message: &'a Message, decoded: &'a Decoded) -> Event<'a> {
    Event {
        lead_id: Some(&decoded.lead_id),
        updated_at: Some(decoded.updated_at),
        ..bare_ledger_event(message)
    }
}

/// The ledger's view of a message of which only the envelope is known.
pub(crate) fn bare_ledger_event(message: &Message) -> Event<'_> {
    Event { lead_id: message.envelope.subject.as_deref(), ..service::ledger::event(PROVIDER, message) }
}
