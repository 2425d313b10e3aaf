//! Instagram: what the webhook bodies of Meta's object `instagram` mean. One POST holds up to a thousand updates, in four
//! shapes; this module cuts them apart without changing a byte, and says of each what it is and how its repeats are known.

mod action;
mod field;
mod key;
mod meaning;
pub mod payload;

pub use action::{Action, Channel};
pub use field::Field;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Code, code, json};
use meaning::{Meaning, Raw, part, text};

/// The only object whose events we understand; others are stored as they come.
const OBJECT: &str = "instagram";
/// The account of everything that the dashboard's Test button sends.
const TEST_ENTRY: &str = "0";

/// One event, cut out of a delivery and understood as far as the edge needs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The provider's bytes of this event alone; what they are, [`Self::channel`] says.
    pub body: &'a str,
    /// What happened.
    pub action: Action,
    /// Where in the delivery it stood.
    pub channel: Channel,
    /// Meta's word for the kind of account: `instagram`, `page`, ….
    pub object: Option<String>,
    /// The account that it happened to.
    pub entry_id: Option<String>,
    /// When Meta sent the entry: Unix seconds for changes, milliseconds for messages. Another one on every repeat.
    pub entry_time: Option<i64>,
    /// Meta's word: the field as it came, or the field that an item without one belongs to.
    pub field: Option<String>,
    /// Whether the account did it itself: echoes, own comments, own reactions.
    pub is_own: bool,
    /// Whether the dashboard's Test button was pressed.
    pub is_test: bool,
    /// Equal for every repeat of the event, however the repeat is grouped.
    pub dedup_key: String,
}

/// An element of a delivery that cannot be understood at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Its bytes.
    pub body: &'a str,
    /// What is wrong.
    pub code: Code,
}

impl Rejected<'_> {
    /// Equal for every repeat of the same bytes.
    pub fn dedup_key(&self) -> String {
        malformed_key(self.body.as_bytes())
    }
}

/// The key of bytes of which nothing is understood: equal for every repeat of the same bytes.
pub fn malformed_key(body: &[u8]) -> String {
    key::malformed(body)
}

/// Cuts a delivery into its events: an envelope, or an array of envelopes. Proved by
/// `every_shape_is_cut_into_its_items_byte_by_byte`.
///
/// # Errors
/// As [`events`].
pub fn split(body: &str) -> Result<Vec<Result<Event<'_>, Rejected<'_>>>, Code> {
    Ok(events(body)?.collect())
}

/// The same, one by one: for whoever has a limit on the number of events.
///
/// # Errors
/// [`code::MALFORMED`] for what is not JSON or nests too deeply. JSON of any other shape is an event or a [`Rejected`].
pub fn events(body: &str) -> Result<impl Iterator<Item = Result<Event<'_>, Rejected<'_>>>, Code> {
    if json::is_too_deep(body) {
        return Err(code::MALFORMED);
    }
    let whole = serde_json::from_str::<&RawValue>(body).map_err(|_| code::MALFORMED)?.get();
    let events: Events<'_> = match whole.as_bytes().first() {
        Some(b'[') => Box::new(json::elements(whole).flat_map(of_envelope)),
        _ => of_envelope(whole),
    };
    Ok(events)
}

type Events<'a> = Box<dyn Iterator<Item = Result<Event<'a>, Rejected<'a>>> + 'a>;

/// `{"object":…,"entry":[…]}`.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    object: Raw<'a>,
    #[serde(borrow, default)]
    entry: Raw<'a>,
}

/// One element of `entry[]`.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    time: Raw<'a>,
    #[serde(borrow, default)]
    changes: Raw<'a>,
    #[serde(borrow, default)]
    messaging: Raw<'a>,
    #[serde(borrow, default)]
    standby: Raw<'a>,
    #[serde(borrow, default)]
    field: Raw<'a>,
    #[serde(borrow, default)]
    value: Raw<'a>,
}

/// One element of `changes[]`.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow, default)]
    field: Raw<'a>,
    #[serde(borrow, default)]
    value: Raw<'a>,
}

/// What the events of one entry share.
#[derive(Clone, Default)]
struct Context {
    object: Option<String>,
    entry_id: Option<String>,
    entry_time: Option<i64>,
}

fn of_envelope(body: &str) -> Events<'_> {
    let envelope: Envelope<'_> = match part(body) {
        Ok(envelope) => envelope,
        Err(code) => return rejected(body, code),
    };
    let object = text(envelope.object);
    let Some(entries) = envelope.entry.map(RawValue::get).filter(|entry| entry.starts_with('[')) else {
        let context = Context { object, ..Context::default() };
        return one(context.event(body, Channel::Delivery, Meaning::of_nothing(body)));
    };
    Box::new(json::elements(entries).flat_map(move |entry| of_entry(entry, object.clone())))
}

fn of_entry(body: &str, object: Option<String>) -> Events<'_> {
    let entry: Entry<'_> = match part(body) {
        Ok(entry) => entry,
        Err(code) => return rejected(body, code),
    };
    let entry_time = text(entry.time).and_then(|time| time.parse().ok());
    let context = Context { object, entry_id: text(entry.id), entry_time };
    let lists = [
        (Channel::Changes, entry.changes),
        (Channel::Messaging, entry.messaging),
        (Channel::Standby, entry.standby),
    ];
    // A list that is none is kept with the whole entry, beside what the other lists hold.
    let known = lists.iter().any(|(_, list)| list.is_some());
    let whole = known && lists.iter().any(|(_, list)| list.is_some_and(|list| !list.get().starts_with('[')));
    let whole = match (known, entry.field) {
        (true, _) => whole.then(|| Ok(context.event(body, Channel::Entry, Meaning::of_entry(body)))),
        (false, Some(_)) => Some(context.change(body, Channel::Flat, entry.field, entry.value)),
        (false, None) => Some(Ok(context.event(body, Channel::Entry, Meaning::of_entry(body)))),
    };
    let items = lists.into_iter().flat_map(move |(channel, list)| {
        let context = context.clone();
        let elements = json::elements(list.map_or("", RawValue::get));
        elements.map(move |element| context.item(element, channel))
    });
    Box::new(whole.into_iter().chain(items))
}

impl Context {
    /// An element of one of an entry's lists.
    fn item<'a>(&self, body: &'a str, channel: Channel) -> Result<Event<'a>, Rejected<'a>> {
        let reject = |code| Rejected { body, code };
        if channel == Channel::Changes {
            let Change { field, value } = part(body).map_err(reject)?;
            return self.change(body, channel, field, value);
        }
        let meaning = Meaning::of_item(body, None, self.entry_id.as_deref()).map_err(reject)?;
        Ok(self.event(body, channel, meaning))
    }

    fn change<'a>(
        &self,
        body: &'a str,
        channel: Channel,
        field: Raw<'a>,
        value: Raw<'a>,
    ) -> Result<Event<'a>, Rejected<'a>> {
        let meaning = Meaning::of_change(text(field), value, self.entry_id.as_deref());
        Ok(self.event(body, channel, meaning.map_err(|code| Rejected { body, code })?))
    }

    fn event<'a>(&self, body: &'a str, channel: Channel, meaning: Meaning<'a>) -> Event<'a> {
        let Self { object, entry_id, entry_time } = self.clone();
        // Without its name we take an object for the one that we are subscribed to.
        let meaning = match object.as_deref() {
            None | Some(OBJECT) => meaning,
            Some(_) => meaning.of_a_stranger(),
        };
        let is_test = entry_id.as_deref() == Some(TEST_ENTRY);
        let press = is_test.then(|| entry_time.unwrap_or_default().to_string());
        Event {
            body,
            action: meaning.action,
            channel,
            dedup_key: key::dedup(entry_id.as_deref(), &meaning, press.as_deref()),
            object,
            entry_id,
            entry_time,
            field: meaning.field,
            is_own: meaning.is_own,
            is_test,
        }
    }
}

fn one(event: Event<'_>) -> Events<'_> {
    Box::new(std::iter::once(Ok(event)))
}

fn rejected(body: &str, code: Code) -> Events<'_> {
    Box::new(std::iter::once(Err(Rejected { body, code })))
}

#[cfg(test)]
mod tests;
