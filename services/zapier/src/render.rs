//! What a hook gets of a report.

use contract::{
    EventId,
    usage::{Form, Outgoing, Usage},
};
use store::hook_deliveries::Claimed;

/// The body, in the form that the hook wants. Its id is the root's, as `webhook-id` is: a replay is a repeat.
pub(crate) fn body(claimed: &Claimed, form: &str) -> Option<Vec<u8>> {
    let usage = Usage::parse(&claimed.body)?;
    let outgoing = Outgoing { usage: &usage, id: EventId(claimed.root_id), received_at: claimed.received_at };
    Some(outgoing.body(Form::from_word(form).unwrap_or(Form::Both)))
}
