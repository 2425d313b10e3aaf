//! Instagram: what the webhook bodies of Meta's object `instagram` mean. One POST holds up to a thousand updates, in four
//! shapes; this module cuts them apart without changing a byte, and says of each what it is and how its repeats are known.

mod action;
mod field;
mod key;
mod meaning;
pub mod payload;

pub use action::{Action, Channel};
pub use field::Field;

use serde_json::value::RawValue;

use crate::{
    Code, code,
    json::{self, Member, text},
};
use meaning::{Meaning, part};

/// The only object whose events we understand; others are stored as they come.
const OBJECT: &str = "instagram";
/// The account of everything that the dashboard's Test button sends.
const TEST_ENTRY: &str = "0";
/// Members that say something of an entry, and hold no events.
const ABOUT_ENTRY: [&str; 2] = ["uid", "hop_context"];

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
/// [`code::MALFORMED`] for what is not JSON. JSON of any other shape is an event or a [`Rejected`]; so is what nests too
/// deeply, and costs its neighbours nothing (`an_item_that_is_too_deep_costs_its_neighbours_nothing`).
pub fn events(body: &str) -> Result<impl Iterator<Item = Result<Event<'_>, Rejected<'_>>>, Code> {
    let whole = serde_json::from_str::<&RawValue>(body).map_err(|_| code::MALFORMED)?.get();
    let events: Events<'_> = match whole.as_bytes().first() {
        Some(b'[') => Box::new(json::elements(whole).flat_map(of_envelope)),
        _ => of_envelope(whole),
    };
    Ok(events)
}

type Events<'a> = Box<dyn Iterator<Item = Result<Event<'a>, Rejected<'a>>> + 'a>;

/// One element of `entry[]`.
struct Entry<'a> {
    id: Member<'a>,
    time: Member<'a>,
    /// `changes`, `messaging`, `standby`.
    lists: [Member<'a>; 3],
    field: Member<'a>,
    value: Member<'a>,
    /// It has a member that is new to us and not empty.
    is_strange: bool,
}

/// What the events of one entry share.
#[derive(Clone, Default)]
struct Context {
    object: Option<String>,
    entry_id: Option<String>,
    entry_time: Option<i64>,
    /// Tells one press of the Test button, whose ids never change, from the next: the time as it is written.
    press: Option<String>,
}

fn of_envelope(body: &str) -> Events<'_> {
    let [object, entries] = match part(body, ["object", "entry"]) {
        Ok(members) => members,
        Err(code) => return rejected(body, code),
    };
    let object = text(object);
    let Some(entries) = entries.filter(|entries| entries.starts_with('[')) else {
        let context = Context { object, ..Context::default() };
        return one(context.event(body, Channel::Delivery, Meaning::of_nothing(body)));
    };
    Box::new(json::elements(entries).flat_map(move |entry| of_entry(entry, object.clone())))
}

fn of_entry(body: &str, object: Option<String>) -> Events<'_> {
    const CHANNELS: [Channel; 3] = [Channel::Changes, Channel::Messaging, Channel::Standby];
    let entry = match Entry::of(body) {
        Ok(entry) => entry,
        Err(code) => return rejected(body, code),
    };
    let context = Context::of(&entry, object);
    // What is not one of the lists is kept with the whole entry, beside what they hold.
    let is_list = |list: Member<'_>| list.is_some_and(|list| list.starts_with('['));
    let is_whole = entry.is_strange
        || entry.value.is_some()
        || entry.lists.iter().any(|list| list.is_some() && !is_list(*list))
        || entry.lists.iter().all(Option::is_none);
    let whole = match entry.field {
        Some(_) => Some(context.change(body, Channel::Flat, entry.field, entry.value)),
        None => is_whole.then(|| context.event(body, Channel::Entry, Meaning::of_entry(body))),
    };
    let items = CHANNELS.into_iter().zip(entry.lists).flat_map(move |(channel, list)| {
        let context = context.clone();
        let elements = json::elements(list.unwrap_or_default());
        elements.map(move |element| context.item(element, channel))
    });
    Box::new(whole.into_iter().chain(items))
}

impl<'a> Entry<'a> {
    /// # Errors
    /// As [`part`].
    fn of(body: &'a str) -> Result<Self, Code> {
        const NAMES: [&str; 7] = ["id", "time", "changes", "messaging", "standby", "field", "value"];
        if !body.starts_with('{') {
            return Err(code::UNEXPECTED_SHAPE);
        }
        let mut is_strange = false;
        let read = json::named_among(body, NAMES, |name, value| {
            let is_content = value.starts_with(['[', '{']) && !is_empty(value);
            is_strange |= is_content && !ABOUT_ENTRY.contains(&name);
        });
        let [id, time, changes, messaging, standby, field, value] = read.ok_or(code::MALFORMED)?;
        Ok(Self { id, time, lists: [changes, messaging, standby], field, value, is_strange })
    }
}

/// Whether a list or an object holds nothing.
fn is_empty(value: &str) -> bool {
    value.bytes().skip(1).all(|byte| byte.is_ascii_whitespace() || matches!(byte, b']' | b'}'))
}

impl Context {
    fn of(entry: &Entry<'_>, object: Option<String>) -> Self {
        let (entry_id, time) = (text(entry.id), text(entry.time));
        let entry_time = time.as_deref().and_then(|time| time.parse().ok());
        let is_test = entry_id.as_deref() == Some(TEST_ENTRY);
        let press = is_test.then(|| time.unwrap_or_else(|| "0".to_owned()));
        Self { object, entry_id, entry_time, press }
    }

    /// An element of one of an entry's lists.
    fn item<'a>(&self, body: &'a str, channel: Channel) -> Result<Event<'a>, Rejected<'a>> {
        let reject = |code| Rejected { body, code };
        if channel == Channel::Changes {
            let [field, value] = part(body, ["field", "value"]).map_err(reject)?;
            return self.change(body, channel, field, value);
        }
        let meaning = Meaning::of_item(body, None, self.entry_id.as_deref()).map_err(reject)?;
        self.event(body, channel, meaning)
    }

    fn change<'a>(
        &self,
        body: &'a str,
        channel: Channel,
        field: Member<'a>,
        value: Member<'a>,
    ) -> Result<Event<'a>, Rejected<'a>> {
        let meaning = Meaning::of_change(text(field), value, self.entry_id.as_deref());
        self.event(body, channel, meaning.map_err(|code| Rejected { body, code })?)
    }

    fn event<'a>(
        &self,
        body: &'a str,
        channel: Channel,
        meaning: Meaning<'a>,
    ) -> Result<Event<'a>, Rejected<'a>> {
        // Whoever reads it after us recurses, and so does its key.
        if json::is_too_deep(body) {
            return Err(Rejected { body, code: code::MALFORMED });
        }
        let Self { object, entry_id, entry_time, press } = self.clone();
        // Without its name we take an object for the one that we are subscribed to.
        let meaning = match object.as_deref() {
            None | Some(OBJECT) => meaning,
            Some(_) => meaning.of_a_stranger(),
        };
        Ok(Event {
            body,
            action: meaning.action,
            channel,
            dedup_key: key::dedup(entry_id.as_deref(), &meaning, press.as_deref()),
            object,
            entry_id,
            entry_time,
            field: meaning.field,
            is_own: meaning.is_own,
            is_test: press.is_some(),
        })
    }
}

fn one<'a>(event: Result<Event<'a>, Rejected<'a>>) -> Events<'a> {
    Box::new(std::iter::once(event))
}

fn rejected(body: &str, code: Code) -> Events<'_> {
    Box::new(std::iter::once(Err(Rejected { body, code })))
}

#[cfg(test)]
mod tests;
