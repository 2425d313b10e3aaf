//! Leads as the API tells them.

use std::{borrow::Cow, fmt};

use contract::c2s;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::PER_PAGE;

/// A lead. Prints without its body.
#[derive(Clone, PartialEq)]
pub struct Lead {
    /// C2S's id.
    pub id: String,
    /// When C2S changed it, if it says so in a form that we know.
    pub updated_at: Option<OffsetDateTime>,
    /// C2S's own bytes of the lead alone: JSON that [`c2s::split`] takes as an event, and [`c2s::Lead::parse`] reads.
    pub body: String,
}

/// A message on a lead. Prints without its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Who wrote it, in C2S's words (`Customer`, `Seller`).
    pub sender: Option<String>,
    /// What it says.
    pub text: String,
}

/// Leads of one page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Those that changed since the time that was asked for.
    pub leads: Vec<Lead>,
    /// Those that C2S gave although they did not.
    pub left_out: usize,
    /// Elements without an id, which are no leads.
    pub unreadable: usize,
    /// The page after it, if there is one.
    pub next: Option<u32>,
}

impl Lead {
    /// The messages on it, in C2S's order, wherever C2S puts them.
    pub fn messages(&self) -> Vec<Message> {
        let elements = self.lists().into_iter().flat_map(|list| contract::json::elements(list.get()));
        elements
            .filter_map(|element| serde_json::from_str::<Told<'_>>(element).ok()?.into_message())
            .collect()
    }

    /// Whether C2S shows messages at all, be it none: what is not among them may then be taken for not there.
    pub fn shows_messages(&self) -> bool {
        self.lists().iter().any(|list| list.get().starts_with('['))
    }

    fn lists(&self) -> Vec<&RawValue> {
        let Ok(lead) = serde_json::from_str::<Messages<'_>>(&self.body) else { return Vec::new() };
        let within = lead.attributes.and_then(|inner| serde_json::from_str::<Messages<'_>>(inner.get()).ok());
        [lead.messages, within.and_then(|inner| inner.messages)].into_iter().flatten().collect()
    }
}

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, default, alias = "sender")]
    sender_type: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "message")]
    body: Option<Cow<'a, str>>,
}

impl Told<'_> {
    fn into_message(self) -> Option<Message> {
        Some(Message { sender: self.sender_type.map(Cow::into_owned), text: self.body?.into_owned() })
    }
}

/// An answer that is none of C2S's.
#[derive(Debug)]
pub(crate) struct NotUnderstood;

/// One lead, in `data` (as an object, or an array of one) or bare; `None`: C2S says that there is none.
pub(crate) fn read_one(body: &[u8]) -> Result<Option<Lead>, NotUnderstood> {
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
    }
    let text = text(body).ok_or(NotUnderstood)?;
    let answered: Answered<'_> = serde_json::from_str(text).map_err(|_| NotUnderstood)?;
    let lead = match (answered.data, answered.id) {
        (Some(data), _) if data.get().starts_with('[') => contract::json::elements(data.get()).next(),
        (Some(data), _) if data.get().starts_with('{') => Some(data.get()),
        (Some(_), _) => return Err(NotUnderstood),
        (None, Some(_)) => Some(text.trim()),
        // `null`, or nothing at all.
        (None, None) => None,
    };
    lead.map(|lead| read(lead).ok_or(NotUnderstood)).transpose()
}

/// A page of leads, in `data` or as a bare array.
pub(crate) fn read_page(body: &[u8], page: u32, since: OffsetDateTime) -> Option<Page> {
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
        #[serde(default)]
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        total: Option<u64>,
    }
    let text = text(body)?.trim();
    let (list, total) = if text.starts_with('[') {
        serde_json::from_str::<&RawValue>(text).ok()?;
        (text, None)
    } else {
        let answered: Answered<'_> = serde_json::from_str(text).ok()?;
        (answered.data.get(), answered.meta.and_then(|meta| meta.total))
    };
    if !list.starts_with('[') {
        return None;
    }
    let (mut found, mut leads) = (0_u32, Vec::new());
    let (mut left_out, mut unreadable) = (0, 0);
    for element in contract::json::elements(list) {
        found += 1;
        match read(element) {
            None => unreadable += 1,
            Some(lead) if lead.updated_at.is_some_and(|updated_at| updated_at < since) => left_out += 1,
            Some(lead) => leads.push(lead),
        }
    }
    // A page may be short although more follow: the total decides where there is one.
    let seen = u64::from(page) * u64::from(PER_PAGE);
    let has_more = found > 0 && total.map_or(found >= PER_PAGE, |total| total > seen);
    Some(Page { leads, left_out, unreadable, next: has_more.then_some(page.saturating_add(1)) })
}

/// What the edge would find in it.
fn read(element: &str) -> Option<Lead> {
    let event = c2s::split(element).ok()?.into_iter().next()?;
    let (id, updated_at) = match event {
        Ok(event) => (event.lead_id, Some(event.updated_at)),
        Err(rejected) => (rejected.lead_id?, None),
    };
    Some(Lead { id, updated_at, body: element.to_owned() })
}

/// Text that is not nested beyond reason.
fn text(body: &[u8]) -> Option<&str> {
    str::from_utf8(body).ok().filter(|text| !contract::json::is_too_deep(text))
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lead({} at {:?}, {} bytes)", self.id, self.updated_at, self.body.len())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.sender, self.text.len())
    }
}
