//! What one item says: which field it belongs to, what happened, and what makes it the same as its repeats. Everything
//! is optional, because Meta adds and leaves out members as it likes.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{Action, Field};
use crate::{
    Code, code,
    json::{self, Member, text},
};

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

/// What is read of an item of `messaging[]`, or of the value of a change that has the same shape: who sent it and when,
/// and the member that says what it is.
const ITEM: [&str; 14] = [
    "sender",
    "timestamp",
    "message",
    "message_edit",
    "reaction",
    "postback",
    "read",
    "referral",
    "optin",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "policy_enforcement",
    "response_feedback",
];
/// What each of the latter means.
const KINDS: [Field; 12] = [
    Field::Messages,
    Field::MessageEdit,
    Field::MessageReactions,
    Field::MessagingPostbacks,
    Field::MessagingSeen,
    Field::MessagingReferral,
    Field::MessagingOptins,
    Field::MessagingHandover,
    Field::MessagingHandover,
    Field::MessagingHandover,
    Field::MessagingPolicyEnforcement,
    Field::ResponseFeedback,
];

/// What is inside the item's own member: the union of all kinds.
struct Detail<'a> {
    mid: Member<'a>,
    is_echo: Member<'a>,
    is_deleted: Member<'a>,
    is_self: Member<'a>,
    num_edit: Member<'a>,
    action: Member<'a>,
    payload: Member<'a>,
    reference: Member<'a>,
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
        value: Member<'a>,
        entry_id: Option<&str>,
    ) -> Result<Self, Code> {
        let content = value.unwrap_or("null");
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
        let [sender, timestamp, kinds @ ..] = inside(Some(content), ITEM)?;
        let [sender] = inside(sender, ["id"])?;
        let (sender, timestamp) = (text(sender), text(timestamp));
        let is_own = sender.is_some() && sender.as_deref() == entry_id;
        let found = KINDS.into_iter().zip(kinds).find(|(_, detail)| detail.is_some());
        let Some((field, detail)) = found.or_else(|| Some((field?, None))) else {
            return Ok(Self { field: strange_member(content), is_own, ..Self::of_nothing(content) });
        };
        let detail = Detail::of(detail)?;
        let (field, action) = detail.precise(field);
        let is_own = is_own || field == Field::MessageEchoes || flag(detail.is_self);
        let identity = detail.identity(action, sender, timestamp);
        let field = Some(field.meta().to_owned());
        Ok(Self { action, field, identity, content: Cow::Borrowed(content), is_own })
    }

    fn of_value(content: &'a str, field: Field, entry_id: Option<&str>) -> Result<Self, Code> {
        let [id, comment_id, media_id, from] =
            inside(Some(content), ["id", "comment_id", "media_id", "from"])?;
        let from = inside(from, ["id", "self_ig_scoped_id"])?.map(text);
        let is_own = from.iter().any(|id| id.is_some() && id.as_deref() == entry_id);
        let identity = match field {
            Field::Mentions => text(comment_id).or_else(|| text(media_id)),
            Field::StoryInsights => text(media_id),
            _ => text(id).or_else(|| text(comment_id)),
        };
        let (action, field) = (Action::of_field(field), Some(field.meta().to_owned()));
        Ok(Self { action, field, identity, content: Cow::Borrowed(content), is_own })
    }
}

impl<'a> Detail<'a> {
    /// # Errors
    /// As [`part`].
    fn of(body: Member<'a>) -> Result<Self, Code> {
        const NAMES: [&str; 8] =
            ["mid", "is_echo", "is_deleted", "is_self", "num_edit", "action", "payload", "ref"];
        let [mid, is_echo, is_deleted, is_self, num_edit, action, payload, reference] = inside(body, NAMES)?;
        Ok(Self { mid, is_echo, is_deleted, is_self, num_edit, action, payload, reference })
    }

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

/// The first member of an item that is new to us.
fn strange_member(item: &str) -> Option<String> {
    const ALWAYS: [&str; 3] = ["recipient", "sender", "timestamp"];
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(item).ok()?;
    members.into_keys().find(|name| !ALWAYS.contains(&name.as_str()))
}

/// The members of an object that have these names. Read more often than anything else at the edge, so cut, not parsed:
/// the delivery is known to be JSON.
///
/// # Errors
/// [`code::UNEXPECTED_SHAPE`] for what is no object, [`code::MALFORMED`] where a member that we read stands twice: two
/// readers of it could see two events.
pub(super) fn part<'a, const N: usize>(body: &'a str, names: [&str; N]) -> Result<[Member<'a>; N], Code> {
    if !body.starts_with('{') {
        return Err(code::UNEXPECTED_SHAPE);
    }
    json::named(body, names).ok_or(code::MALFORMED)
}

/// The same of what should be an object; none where it is not.
fn inside<'a, const N: usize>(body: Member<'a>, names: [&str; N]) -> Result<[Member<'a>; N], Code> {
    match body {
        Some(body) if body.starts_with('{') => part(body, names),
        _ => Ok([None; N]),
    }
}

fn flag(member: Member<'_>) -> bool {
    matches!(member, Some("true" | "\"true\"" | "1"))
}
