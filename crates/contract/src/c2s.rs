//! Contact2Sale: what its webhook bodies mean. Its own documentation is not public; the shapes are those that client
//! code and captured deliveries show, and the older receiver accepted (forms A to D).

mod enquiry;
mod instant;
mod lead;

pub use enquiry::{Enquiry, OWN_MARK, is_own};
pub use instant::{InvalidInstant, parse_instant};
pub use lead::{Customer, Lead};

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{Code, code, json};

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
    let elements: Vec<&RawValue> = match whole.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(whole.get()).map_err(|_| code::MALFORMED)?,
        Some(b'{') => vec![whole],
        _ => return Err(code::UNEXPECTED_SHAPE),
    };
    Ok(elements.into_iter().flat_map(|element| events_of(element.get())))
}

/// The event of one object; several when its `data` is an array that holds any.
fn events_of<'a>(body: &'a str) -> impl Iterator<Item = Result<LeadEvent<'a>, Rejected<'a>>> {
    let outer = serde_json::from_str::<Outer<'a>>(body).ok();
    let action = outer.as_ref().and_then(Outer::hook_action);
    let several =
        outer.as_ref().and_then(|outer| serde_json::from_str::<Vec<&'a RawValue>>(outer.data?.get()).ok());
    // The event's bytes, and the lead inside them.
    let leads: Vec<(&'a str, Option<&'a str>)> = match (&outer, several) {
        (Some(_), Some(leads)) if !leads.is_empty() => {
            leads.into_iter().map(|lead| (lead.get(), Some(lead.get()))).collect()
        }
        (Some(outer), _) => vec![(body, Some(outer.inner().map_or(body, RawValue::get)))],
        (None, _) => vec![(body, None)],
    };
    leads.into_iter().map(move |(body, lead)| match lead {
        Some(lead) => event(body, lead, action.clone()),
        None => Err(Rejected { body, code: code::UNEXPECTED_SHAPE, lead_id: None }),
    })
}

fn event<'a>(body: &'a str, lead: &str, outer_action: Option<String>) -> Result<LeadEvent<'a>, Rejected<'a>> {
    let reject = |code, lead_id| Rejected { body, code, lead_id };
    let lead: Head<'_> = serde_json::from_str(lead).map_err(|_| reject(code::UNEXPECTED_SHAPE, None))?;
    let lead_id = lead.id.and_then(Scalar::into_text).ok_or_else(|| reject(code::MISSING_ID, None))?;
    let updated_at = match lead.attributes.and_then(|attributes| attributes.updated_at) {
        Some(Scalar::Text(text)) if !text.trim().is_empty() => parse_instant(&text),
        None | Some(Scalar::Text(_)) => return Err(reject(code::MISSING_UPDATED_AT, Some(lead_id))),
        Some(_) => Err(InvalidInstant),
    };
    let updated_at =
        updated_at.map_err(|InvalidInstant| reject(code::INVALID_UPDATED_AT, Some(lead_id.clone())))?;
    let hook_action = outer_action.or_else(|| lead.hook_action.and_then(Scalar::into_text));
    Ok(LeadEvent { body, lead_id, updated_at, hook_action })
}

/// The part of a body that says where the lead is.
#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow, default)]
    hook_action: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    lead: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Outer<'a> {
    fn hook_action(&self) -> Option<String> {
        self.hook_action.clone().and_then(Scalar::into_text)
    }

    /// The lead inside forms C and D; `null` or a word there is no envelope.
    fn inner(&self) -> Option<&'a RawValue> {
        [self.lead, self.data].into_iter().flatten().find(|inner| inner.get().starts_with('{'))
    }
}

/// The part of a lead that the edge reads.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    id: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    hook_action: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    attributes: Option<HeadAttributes<'a>>,
}

#[derive(Deserialize)]
struct HeadAttributes<'a> {
    #[serde(borrow, default)]
    updated_at: Option<Scalar<'a>>,
}

/// Text where the provider keeps its word, anything else where it does not. A number stays as it is written: as a number
/// of ours, two long ids could be one (`long_numbers_are_different_ids`).
#[derive(Debug, Clone)]
enum Scalar<'a> {
    Text(String),
    Number(&'a str),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?.get();
        Ok(match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw).map_or(Self::Other, Self::Text),
            Some(b'-' | b'0'..=b'9') => Self::Number(raw),
            _ => Self::Other,
        })
    }
}

impl Scalar<'_> {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            Self::Number(number) => Some(number.to_owned()),
            Self::Text(_) | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;
