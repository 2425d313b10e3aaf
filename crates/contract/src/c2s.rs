//! Contact2Sale: what its webhook bodies mean. Its own documentation is not public; the shapes are those that client
//! code and captured deliveries show, and the older receiver accepted (forms A to D).

mod enquiry;
mod instant;
mod lead;

pub use enquiry::{Enquiry, OWN_MARK, is_own};
pub use instant::{InvalidInstant, parse_instant};
pub use lead::{Customer, Lead};

use std::borrow::Cow;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{
    Code, code,
    json::{self, Member, text},
};

/// What happened to a lead. C2S has two vocabularies for it, and often sends none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `on_create_lead`, `lead.created`.
    Created,
    /// `on_update_lead`, `lead.updated`.
    Updated,
    /// `on_close_lead`, `lead.status_changed`.
    Closed,
    /// No action, or a word we do not know: stored like any other.
    Other,
}

impl Action {
    /// Normalises C2S's word.
    pub fn from_hook_action(word: Option<&str>) -> Self {
        match word {
            Some("on_create_lead" | "lead.created") => Self::Created,
            Some("on_update_lead" | "lead.updated") => Self::Updated,
            Some("on_close_lead" | "lead.status_changed") => Self::Closed,
            _ => Self::Other,
        }
    }

    /// The last token of the subject.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// The event type, as `ce-type` carries it.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "c2s.lead.created",
            Self::Updated => "c2s.lead.updated",
            Self::Closed => "c2s.lead.closed",
            Self::Other => "c2s.lead.other",
        }
    }
}

/// One lead event, cut out of a delivery and understood as far as the edge needs to.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadEvent<'a> {
    /// The provider's bytes of this event alone.
    pub body: &'a str,
    /// C2S's id of the lead; numbers are accepted and become text.
    pub lead_id: String,
    /// When C2S changed the lead.
    pub updated_at: OffsetDateTime,
    /// C2S's word for what happened.
    pub hook_action: Option<String>,
}

impl LeadEvent<'_> {
    /// Equal for every repeat of the event: lead id and the instant of the change, whatever its offset.
    pub fn dedup_key(&self) -> String {
        const LEAD_ID_MAX: usize = 96;
        let micros = self.updated_at.unix_timestamp_nanos() / 1_000;
        let lead = if self.lead_id.len() > LEAD_ID_MAX {
            Cow::Owned(hex::encode(Sha256::digest(self.lead_id.as_bytes())))
        } else {
            Cow::Borrowed(self.lead_id.as_str())
        };
        format!("c2s:{lead}:{micros}")
    }
}

/// An element of a delivery that is no valid lead event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Its bytes.
    pub body: &'a str,
    /// What is wrong.
    pub code: Code,
    /// The lead, if it names one.
    pub lead_id: Option<String>,
}

impl Rejected<'_> {
    /// Equal for every repeat of the same bytes.
    pub fn dedup_key(&self) -> String {
        let digest = hex::encode(Sha256::digest(self.body.as_bytes()));
        format!("c2s:rejected:{}", digest.get(..32).unwrap_or(&digest))
    }
}

/// Cuts a delivery into its events: one body, an array of bodies (form B), `lead` or `data` envelopes (C, D).
///
/// # Errors
/// [`code::MALFORMED`] for what is not JSON or nests too deeply, [`code::UNEXPECTED_SHAPE`] for what is neither object nor array. An empty
/// array is a delivery of no events.
pub fn split(body: &str) -> Result<Vec<Result<LeadEvent<'_>, Rejected<'_>>>, Code> {
    Ok(events(body)?.collect())
}

/// The same, one by one: for whoever has a limit on the number of events. A megabyte holds half a million of `0`, each
/// of which is an invalid event.
///
/// # Errors
/// As [`split`].
pub fn events(body: &str) -> Result<impl Iterator<Item = Result<LeadEvent<'_>, Rejected<'_>>>, Code> {
    if json::is_too_deep(body) {
        return Err(code::MALFORMED);
    }
    let whole: &RawValue = serde_json::from_str(body).map_err(|_| code::MALFORMED)?;
    let whole = whole.get();
    let one = match whole.as_bytes().first() {
        Some(b'[') => None,
        Some(b'{') => Some(whole),
        _ => return Err(code::UNEXPECTED_SHAPE),
    };
    Ok(one.into_iter().chain(json::elements(whole)).flat_map(events_of))
}

/// The event of one object; several when its `data` is an array that holds any.
fn events_of(body: &str) -> impl Iterator<Item = Result<LeadEvent<'_>, Rejected<'_>>> {
    let outer = object(body, ["hook_action", "lead", "data"]);
    let [action, _, data] = outer.unwrap_or_default();
    let action = text(action);
    // The event's bytes, and the lead inside them.
    let one = match outer {
        // Inside forms C and D; `null` or a word there is no envelope.
        Some([_, lead, data]) => {
            let mut inner = [lead, data].into_iter().flatten().filter(|inner| inner.starts_with('{'));
            Some(inner.next().unwrap_or(body))
        }
        None => None,
    };
    let mut several = json::elements(data.unwrap_or_default()).peekable();
    let one = several.peek().is_none().then_some((body, one));
    one.into_iter().chain(several.map(|lead| (lead, Some(lead)))).map(move |(body, lead)| match lead {
        Some(lead) => event(body, lead, action.clone()),
        None => Err(Rejected { body, code: code::UNEXPECTED_SHAPE, lead_id: None }),
    })
}

fn event<'a>(body: &'a str, lead: &str, outer_action: Option<String>) -> Result<LeadEvent<'a>, Rejected<'a>> {
    let reject = |code, lead_id| Rejected { body, code, lead_id };
    let strange = || reject(code::UNEXPECTED_SHAPE, None);
    let [id, hook_action, attributes] =
        object(lead, ["id", "hook_action", "attributes"]).ok_or_else(strange)?;
    let [updated_at] = match attributes {
        // What PHP writes of no attributes is an empty array.
        Some(attributes) if !attributes.starts_with('[') => {
            object(attributes, ["updated_at"]).ok_or_else(strange)?
        }
        Some(_) | None => [None],
    };
    let lead_id = text(id).ok_or_else(|| reject(code::MISSING_ID, None))?;
    let updated_at = match updated_at.map(json::unquoted) {
        None => return Err(reject(code::MISSING_UPDATED_AT, Some(lead_id))),
        Some(Some(blank)) if blank.trim().is_empty() => {
            return Err(reject(code::MISSING_UPDATED_AT, Some(lead_id)));
        }
        Some(Some(instant)) => parse_instant(&instant),
        Some(None) => Err(InvalidInstant),
    };
    let updated_at =
        updated_at.map_err(|InvalidInstant| reject(code::INVALID_UPDATED_AT, Some(lead_id.clone())))?;
    Ok(LeadEvent { body, lead_id, updated_at, hook_action: outer_action.or_else(|| text(hook_action)) })
}

/// Members of what must be an object in which none of them stands twice. A number stays as it is written: as a number of
/// ours, two long ids could be one (`long_numbers_are_different_ids`).
fn object<'a, const N: usize>(body: &'a str, names: [&str; N]) -> Option<[Member<'a>; N]> {
    json::named(body, names).filter(|_| body.starts_with('{'))
}

#[cfg(test)]
mod tests;
