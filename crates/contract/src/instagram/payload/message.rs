//! Messages, and what comes with them.

use serde_json::Value;

use crate::lenient::{flag, id, object, storable, text};

/// A message as it was sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// Meta's id of it.
    pub mid: String,
    /// What it says.
    pub text: Option<String>,
    /// Attachments as Meta sent them.
    pub attachments: Option<Value>,
    /// The meaning of the quick reply that was chosen.
    pub quick_reply_payload: Option<String>,
    /// The message that it answers.
    pub reply_to_mid: Option<String>,
    /// The story that it answers.
    pub reply_to_story_id: Option<String>,
    /// Where that story was.
    pub reply_to_story_url: Option<String>,
    /// App that sent it.
    pub app_id: Option<String>,
    /// Sent by the account.
    pub is_echo: bool,
    /// Sent by the account to itself.
    pub is_self: bool,
    /// Of a sort that the API does not show.
    pub is_unsupported: bool,
}

/// A reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Meta's word.
    pub reaction: Option<String>,
    /// As a character.
    pub emoji: Option<String>,
}

/// What brought a user here.
#[derive(Debug, Clone, PartialEq)]
pub struct Referral {
    /// `ADS`, `IGME`, …
    pub source: Option<String>,
    /// `OPEN_THREAD`, …
    pub kind: Option<String>,
    /// Our own parameter of the link.
    pub parameter: Option<String>,
    /// The advertisement.
    pub ad_id: Option<String>,
    /// All of it, as Meta sent it.
    pub details: Value,
}

impl Message {
    pub(super) fn of(message: &Value, mid: String, is_echo: bool) -> Self {
        let reply_to = object(message, "reply_to");
        let story = reply_to.and_then(|reply_to| object(reply_to, "story"));
        let attachments = message.get("attachments").filter(|attachments| !attachments.is_null());
        Self {
            mid,
            text: text(message, "text"),
            attachments: attachments.map(storable),
            quick_reply_payload: object(message, "quick_reply").and_then(|reply| text(reply, "payload")),
            reply_to_mid: reply_to.and_then(|reply_to| id(reply_to, "mid")),
            reply_to_story_id: story.and_then(|story| id(story, "id")),
            reply_to_story_url: story.and_then(|story| text(story, "url")),
            app_id: id(message, "app_id"),
            is_echo,
            is_self: flag(message, "is_self"),
            is_unsupported: flag(message, "is_unsupported"),
        }
    }
}

impl Referral {
    pub(super) fn of(value: &Value) -> Self {
        Self {
            source: text(value, "source"),
            kind: text(value, "type"),
            parameter: text(value, "ref"),
            ad_id: id(value, "ad_id"),
            details: storable(value),
        }
    }
}
