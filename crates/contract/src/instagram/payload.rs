//! What an event says, read leniently out of the provider's bytes: a field that is missing, null, empty or of an
//! unexpected type is absent, and never fails the event. What has no id that it could be stored under says nothing.

mod comment;
mod message;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::Action;
use crate::{
    Code, code, json,
    lenient::{self, count, flag, id, instant, object, text},
};

pub use comment::{Comment, StoryInsights};
pub use message::{Message, Reaction, Referral};

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// Who did it.
    pub sender_id: Option<String>,
    /// To whom.
    pub recipient_id: Option<String>,
    /// When, by Meta's clock. Comments, mentions and insights do not say.
    pub at: Option<OffsetDateTime>,
    /// What happened.
    pub fact: Fact,
    /// What brought the user here, when it came with a message or a postback, or is all that happened.
    pub referral: Option<Referral>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A message, in either direction.
    Message(Message),
    /// A message was taken back.
    Deletion {
        /// The message.
        mid: String,
        /// The account's own.
        is_echo: bool,
    },
    /// A message was changed.
    Edit {
        /// The message.
        mid: String,
        /// What it says now.
        text: Option<String>,
        /// Counts the edits of a message.
        num_edit: i32,
    },
    /// A reaction to a message, or its end.
    Reaction {
        /// The message.
        mid: String,
        /// The reaction; `None` takes it back.
        reaction: Option<Reaction>,
    },
    /// A button was pressed.
    Postback {
        /// Its message.
        mid: Option<String>,
        /// What the button says.
        title: Option<String>,
        /// What it means.
        payload: Option<String>,
    },
    /// Only a [`Referral`].
    Referral,
    /// The sender has read up to this message.
    Seen {
        /// The message.
        mid: Option<String>,
    },
    /// A comment.
    Comment(Comment),
    /// The account was mentioned: in this comment, or else in the caption of this media.
    Mention {
        /// Media of the comment or caption.
        media_id: Option<String>,
        /// Comment.
        comment_id: Option<String>,
    },
    /// The numbers of a story.
    StoryInsights(StoryInsights),
}

impl Payload {
    /// Reads an event that the edge took for `action`. `None` when it says nothing that we have a table for.
    ///
    /// # Errors
    /// [`code::MALFORMED`] when the body is no JSON object.
    pub fn parse(body: &[u8], action: Action) -> Result<Option<Self>, Code> {
        let body = str::from_utf8(body).map_err(|_| code::MALFORMED)?;
        if json::is_too_deep(body) {
            return Err(code::MALFORMED);
        }
        let whole: Value = lenient::parse(body).ok_or(code::MALFORMED)?;
        if !whole.is_object() {
            return Err(code::MALFORMED);
        }
        // An element of `changes[]`, and a flat entry, hold the item in `value`.
        let item = whole.get("value").filter(|value| value.is_object() && whole.get("field").is_some());
        Ok(Self::of_item(item.unwrap_or(&whole), action))
    }

    fn of_item(item: &Value, action: Action) -> Option<Self> {
        let fact = Fact::of_item(item, action)?;
        let own = match action {
            Action::MessageReceived | Action::MessageEcho => object(item, "message"),
            Action::Postback => object(item, "postback"),
            _ => None,
        };
        let referral = own.and_then(|own| object(own, "referral")).or_else(|| object(item, "referral"));
        let at = instant(item.get("timestamp"))
            .or_else(|| object(item, "read").and_then(|read| instant(read.get("watermark"))));
        let sender_id = object(item, "sender").and_then(|sender| id(sender, "id"));
        if sender_id.is_none() && matches!(fact, Fact::Reaction { .. } | Fact::Seen { .. }) {
            // Whose reaction it is, and who has read, is all that they say.
            return None;
        }
        Some(Self {
            sender_id,
            recipient_id: object(item, "recipient").and_then(|recipient| id(recipient, "id")),
            at,
            fact,
            referral: referral.map(Referral::of),
        })
    }

    /// The user of the conversation with `account` that this happened in.
    pub fn participant(&self, account: &str) -> Option<&str> {
        let (sender, recipient) = (self.sender_id.as_deref(), self.recipient_id.as_deref());
        if self.is_echo() || sender == Some(account) { recipient } else { sender }
    }

    /// Whether the account did this.
    pub const fn is_echo(&self) -> bool {
        match &self.fact {
            Fact::Message(message) => message.is_echo,
            Fact::Deletion { is_echo, .. } => *is_echo,
            _ => false,
        }
    }

    /// The message that this is about.
    pub fn mid(&self) -> Option<&str> {
        match &self.fact {
            Fact::Message(Message { mid, .. })
            | Fact::Deletion { mid, .. }
            | Fact::Edit { mid, .. }
            | Fact::Reaction { mid, .. } => Some(mid),
            Fact::Postback { mid, .. } | Fact::Seen { mid } => mid.as_deref(),
            _ => None,
        }
    }

    /// What tells this from others of its kind: the mid, else who did it and when, and what `else_by` says of it.
    pub fn key(&self, else_by: &str) -> String {
        if let Some(mid) = self.mid() {
            return mid.to_owned();
        }
        let digest = hex::encode(Sha256::digest(else_by.as_bytes()));
        let micros = self.at.map_or(0, |at| at.unix_timestamp_nanos() / 1_000);
        let sender = self.sender_id.as_deref().unwrap_or_default();
        format!("{sender}:{micros}:{}", digest.get(..32).unwrap_or(&digest))
    }
}

impl Fact {
    fn of_item(item: &Value, action: Action) -> Option<Self> {
        match action {
            Action::MessageReceived | Action::MessageEcho | Action::MessageDeleted => {
                Self::of_message(object(item, "message")?, action)
            }
            Action::MessageEdited => {
                let edit = object(item, "message_edit")?;
                let num_edit = count(edit, "num_edit").and_then(|count| i32::try_from(count).ok());
                Some(Self::Edit {
                    mid: id(edit, "mid")?,
                    text: text(edit, "text"),
                    num_edit: num_edit.unwrap_or(0),
                })
            }
            Action::Reaction => Self::of_reaction(object(item, "reaction")?),
            Action::Postback => {
                let postback = object(item, "postback")?;
                Some(Self::Postback {
                    mid: id(postback, "mid"),
                    title: text(postback, "title"),
                    payload: text(postback, "payload"),
                })
            }
            Action::Referral => object(item, "referral").map(|_| Self::Referral),
            Action::Seen => object(item, "read").map(|read| Self::Seen { mid: id(read, "mid") }),
            Action::Comment | Action::LiveComment => {
                Comment::of(item, action == Action::LiveComment).map(Self::Comment)
            }
            Action::Mention => {
                let (media_id, comment_id) = (id(item, "media_id"), id(item, "comment_id"));
                (media_id.is_some() || comment_id.is_some()).then_some(Self::Mention { media_id, comment_id })
            }
            Action::StoryInsights => StoryInsights::of(item).map(Self::StoryInsights),
            Action::Handover | Action::Other => None,
        }
    }

    fn of_message(message: &Value, action: Action) -> Option<Self> {
        let mid = id(message, "mid")?;
        let is_echo = action == Action::MessageEcho || flag(message, "is_echo");
        if action == Action::MessageDeleted || flag(message, "is_deleted") {
            return Some(Self::Deletion { mid, is_echo });
        }
        Some(Self::Message(Message::of(message, mid, is_echo)))
    }

    fn of_reaction(value: &Value) -> Option<Self> {
        let reaction = Reaction { reaction: text(value, "reaction"), emoji: text(value, "emoji") };
        let is_empty = reaction.reaction.is_none() && reaction.emoji.is_none();
        let reaction = match text(value, "action").as_deref() {
            Some("react") => Some(reaction),
            Some("unreact") => None,
            None if !is_empty => Some(reaction),
            // A word that we do not know: who could say whether the reaction is still there?
            _ => return None,
        };
        Some(Self::Reaction { mid: id(value, "mid")?, reaction })
    }
}

#[cfg(test)]
mod tests;
