//! What one item says: which field it belongs to, what happened, and what makes it the same as its repeats. Everything
//! is optional, because Meta adds and leaves out members as it likes.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Action, Field};
use crate::{Code, code};

/// A member that may be absent.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// One item, understood.
pub(super) struct Meaning<'a> {
    pub(super) action: Action,
    /// Meta's word.
    pub(super) field: Option<String>,
    /// What makes it the same as its repeats: its ids. Without them, all of its content does.
    pub(super) identity: Option<String>,
    pub(super) content: Cow<'a, str>,
    pub(super) is_own: bool,
}

/// An item of `messaging[]`, or the value of a change that has the same shape.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    sender: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    message_edit: Raw<'a>,
    #[serde(borrow)]
    reaction: Raw<'a>,
    #[serde(borrow)]
    postback: Raw<'a>,
    #[serde(borrow)]
    referral: Raw<'a>,
    #[serde(borrow)]
    read: Raw<'a>,
    #[serde(borrow)]
    optin: Raw<'a>,
    #[serde(borrow)]
    pass_thread_control: Raw<'a>,
    #[serde(borrow)]
    take_thread_control: Raw<'a>,
    #[serde(borrow)]
    request_thread_control: Raw<'a>,
    #[serde(borrow)]
    policy_enforcement: Raw<'a>,
    #[serde(borrow)]
    response_feedback: Raw<'a>,
}

/// What is inside the item's own member: the union of all kinds.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail<'a> {
    #[serde(borrow)]
    mid: Raw<'a>,
    #[serde(borrow)]
    is_echo: Raw<'a>,
    #[serde(borrow)]
    is_deleted: Raw<'a>,
    #[serde(borrow)]
    is_self: Raw<'a>,
    #[serde(borrow)]
    num_edit: Raw<'a>,
    #[serde(borrow)]
    action: Raw<'a>,
    #[serde(borrow)]
    payload: Raw<'a>,
    #[serde(borrow, rename = "ref")]
    reference: Raw<'a>,
}

/// The value of a change that is no message.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Value<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    comment_id: Raw<'a>,
    #[serde(borrow)]
    media_id: Raw<'a>,
    #[serde(borrow)]
    from: Raw<'a>,
}

/// Who did it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Party<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    self_ig_scoped_id: Raw<'a>,
}

impl<'a> Meaning<'a> {
    /// Something of which only the bytes are known.
    pub(super) fn of_nothing(content: &'a str) -> Self {
        let content = Cow::Borrowed(content);
        Self { action: Action::Other, field: None, identity: None, content, is_own: false }
    }

    /// An entry of which only the bytes are known. Its time is another one on every repeat, so it does not count.
    pub(super) fn of_entry(entry: &'a str) -> Self {
        let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(entry).map(|mut members| {
            members.remove("time");
            members
        });
        let timeless = members.and_then(|members| serde_json::to_string(&members));
        Self { content: timeless.map_or(Cow::Borrowed(entry), Cow::Owned), ..Self::of_nothing(entry) }
    }

    /// The same item of an object whose words may mean anything.
    pub(super) fn of_a_stranger(self) -> Self {
        Self { action: Action::Other, identity: None, is_own: false, ..self }
    }

    /// A change: its field, and a value whose shape the field decides.
    ///
    /// # Errors
    /// A member stands in it twice.
    pub(super) fn of_change(
        word: Option<String>,
        value: Raw<'a>,
        entry_id: Option<&str>,
    ) -> Result<Self, Code> {
        let content = value.map_or("null", RawValue::get);
        let meaning = match word.as_deref().and_then(Field::from_word) {
            Some(field) if field.is_messaging() => Self::of_item(content, Some(field), entry_id)?,
            Some(field) => Self::of_value(content, field, entry_id)?,
            None => Self::of_nothing(content),
        };
        Ok(Self { field: word, ..meaning })
    }

    /// An item of `messaging[]`, which has no field: the member that it has says it. `field` is what a change said.
    ///
    /// # Errors
    /// A member stands in it twice.
    pub(super) fn of_item(
        content: &'a str,
        field: Option<Field>,
        entry_id: Option<&str>,
    ) -> Result<Self, Code> {
        let item: Item<'_> = inside(content)?;
        let sender: Party<'_> = inside_of(item.sender)?;
        let (sender, timestamp) = (text(sender.id), text(item.timestamp));
        let is_own = sender.is_some() && sender.as_deref() == entry_id;
        let found = item.found();
        let Some((field, detail)) = found.or_else(|| Some((field?, None))) else {
            return Ok(Self { field: strange_member(content), is_own, ..Self::of_nothing(content) });
        };
        let detail: Detail<'_> = inside_of(detail)?;
        let (field, action) = detail.precise(field);
        let is_own = is_own || field == Field::MessageEchoes || flag(detail.is_self);
        let identity = detail.identity(action, sender, timestamp);
        let field = Some(field.meta().to_owned());
        Ok(Self { action, field, identity, content: Cow::Borrowed(content), is_own })
    }

    fn of_value(content: &'a str, field: Field, entry_id: Option<&str>) -> Result<Self, Code> {
        let value: Value<'_> = inside(content)?;
        let from: Party<'_> = inside_of(value.from)?;
        let from = [text(from.id), text(from.self_ig_scoped_id)];
        let is_own = from.iter().any(|id| id.is_some() && id.as_deref() == entry_id);
        let comment_id = text(value.comment_id);
        let identity = match field {
            Field::Mentions => comment_id.or_else(|| text(value.media_id)),
            Field::StoryInsights => text(value.media_id),
            _ => text(value.id).or(comment_id),
        };
        let (action, field) = (Action::of_field(field), Some(field.meta().to_owned()));
        Ok(Self { action, field, identity, content: Cow::Borrowed(content), is_own })
    }
}

impl<'a> Item<'a> {
    /// The member that says what the item is.
    fn found(&self) -> Option<(Field, Raw<'a>)> {
        let members = [
            (Field::Messages, self.message),
            (Field::MessageEdit, self.message_edit),
            (Field::MessageReactions, self.reaction),
            (Field::MessagingPostbacks, self.postback),
            (Field::MessagingSeen, self.read),
            (Field::MessagingReferral, self.referral),
            (Field::MessagingOptins, self.optin),
            (Field::MessagingHandover, self.pass_thread_control),
            (Field::MessagingHandover, self.take_thread_control),
            (Field::MessagingHandover, self.request_thread_control),
            (Field::MessagingPolicyEnforcement, self.policy_enforcement),
            (Field::ResponseFeedback, self.response_feedback),
        ];
        members.into_iter().find(|(_, detail)| detail.is_some())
    }
}

impl Detail<'_> {
    /// The field and what happened: a message may be one that the account sent, or took back.
    fn precise(&self, field: Field) -> (Field, Action) {
        match field {
            Field::Messages | Field::MessageEchoes => {
                let is_echo = field == Field::MessageEchoes || flag(self.is_echo);
                let field = if is_echo { Field::MessageEchoes } else { Field::Messages };
                let is_deleted = flag(self.is_deleted);
                (field, if is_deleted { Action::MessageDeleted } else { Action::of_field(field) })
            }
            other => (other, Action::of_field(other)),
        }
    }

    /// What makes the item the same as its repeats; `None` when something of it is missing.
    fn identity(&self, action: Action, sender: Option<String>, timestamp: Option<String>) -> Option<String> {
        let mid = text(self.mid);
        match action {
            Action::MessageReceived => mid,
            Action::MessageEcho => Some(format!("{}:echo", mid?)),
            Action::MessageDeleted => Some(format!("{}:deleted", mid?)),
            Action::MessageEdited => Some(format!("{}:edit:{}", mid?, text(self.num_edit)?)),
            Action::Reaction => Some(format!("{}:{}:{}:{}", mid?, sender?, text(self.action)?, timestamp?)),
            Action::Postback => mid.or_else(|| {
                Some(format!("{}:{}:{}", sender?, timestamp?, text(self.payload).unwrap_or_default()))
            }),
            Action::Referral => {
                Some(format!("{}:{}:{}", sender?, timestamp?, text(self.reference).unwrap_or_default()))
            }
            Action::Seen => Some(format!("{}:{}", mid?, sender?)),
            _ => None,
        }
    }
}

/// All members of an object, in their order.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }

        deserializer.deserialize_map(Reader).map(Self)
    }
}

/// The first member of an item that is new to us.
fn strange_member(item: &str) -> Option<String> {
    const ALWAYS: [&str; 3] = ["recipient", "sender", "timestamp"];
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(item).ok()?;
    members.into_keys().find(|name| !ALWAYS.contains(&name.as_str()))
}

/// The members of an object.
///
/// # Errors
/// [`code::UNEXPECTED_SHAPE`] for what is no object, [`code::MALFORMED`] where a member that we read stands twice: two
/// readers of it could see two events.
pub(super) fn part<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Code> {
    if !body.starts_with('{') {
        return Err(code::UNEXPECTED_SHAPE);
    }
    serde_json::from_str(body).map_err(|_| code::MALFORMED)
}

/// The members of what should be an object; none where it is not.
fn inside<'a, T: Deserialize<'a> + Default>(body: &'a str) -> Result<T, Code> {
    if body.starts_with('{') { part(body) } else { Ok(T::default()) }
}

fn inside_of<'a, T: Deserialize<'a> + Default>(body: Raw<'a>) -> Result<T, Code> {
    body.map_or_else(|| Ok(T::default()), |body| inside(body.get()))
}

/// Text, or a number as it is written: ids are longer than any number that a parser keeps exactly.
pub(super) fn text(raw: Raw<'_>) -> Option<String> {
    let raw = raw?.get();
    let text = match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok()?,
        b'-' | b'0'..=b'9' => raw.to_owned(),
        _ => return None,
    };
    Some(text).filter(|text: &String| !text.trim().is_empty())
}

fn flag(raw: Raw<'_>) -> bool {
    matches!(raw.map(RawValue::get), Some("true" | "\"true\"" | "1"))
}
