//! Comments, and the numbers of stories.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lenient::{count, id, object, storable, text};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// The comment that it answers.
    pub parent_id: Option<String>,
    /// What it is on.
    pub media_id: Option<String>,
    /// `FEED`, `REELS`, `AD`, …
    pub media_product_type: Option<String>,
    /// The post behind an advertisement.
    pub original_media_id: Option<String>,
    /// The advertisement.
    pub ad_id: Option<String>,
    /// Its title.
    pub ad_title: Option<String>,
    /// Who wrote it.
    pub from_id: Option<String>,
    /// Their handle.
    pub from_username: Option<String>,
    /// Their id as the account sees itself.
    pub from_self_id: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// Written during a live broadcast.
    pub is_live: bool,
}

/// The numbers of a story; -1 means fewer than 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoryInsights {
    /// The story.
    pub media_id: String,
    /// Times it was left.
    pub exits: Option<i64>,
    /// Replies.
    pub replies: Option<i64>,
    /// People.
    pub reach: Option<i64>,
    /// Taps to the next one.
    pub taps_forward: Option<i64>,
    /// Taps to the one before.
    pub taps_back: Option<i64>,
    /// Views.
    pub impressions: Option<i64>,
    /// All of it, as Meta sent it.
    pub details: Value,
}

impl Comment {
    pub(super) fn of(value: &Value, is_live: bool) -> Option<Self> {
        let (media, from) = (object(value, "media"), object(value, "from"));
        Some(Self {
            id: id(value, "id").or_else(|| id(value, "comment_id"))?,
            parent_id: id(value, "parent_id"),
            media_id: media
                .and_then(|media| id(media, "id"))
                .or_else(|| id(value, "media_id"))
                .or_else(|| id(value, "media")),
            media_product_type: media.and_then(|media| text(media, "media_product_type")),
            original_media_id: media.and_then(|media| id(media, "original_media_id")),
            ad_id: media.and_then(|media| id(media, "ad_id")),
            ad_title: media.and_then(|media| text(media, "ad_title")),
            from_id: from.and_then(|from| id(from, "id")),
            from_username: from.and_then(|from| text(from, "username")),
            from_self_id: from.and_then(|from| id(from, "self_ig_scoped_id")),
            text: text(value, "text"),
            is_live,
        })
    }

    /// Whether `account` wrote it itself.
    pub fn is_own(&self, account: &str) -> bool {
        [&self.from_id, &self.from_self_id].into_iter().flatten().any(|id| id == account)
    }

    /// Every `@handle` in the text, lower-case and sorted. An address of e-mail is none.
    pub fn mentioned_usernames(&self) -> Vec<String> {
        const MENTIONS_MAX: usize = 50;
        let text = self.text.as_deref().unwrap_or_default();
        let is_handle = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let handles = text.match_indices('@').filter_map(|(at, _)| {
            let before = text.get(..at)?.chars().next_back();
            let rest = text.get(at + 1..)?;
            let end = rest.find(|c| !is_handle(c)).unwrap_or(rest.len());
            // A full stop at its end is the sentence's.
            let handle = rest.get(..end)?.trim_end_matches('.').to_ascii_lowercase();
            let is_address = before.is_some_and(|c| c.is_alphanumeric() || is_handle(c));
            (!handle.is_empty() && handle.len() <= 30 && !is_address).then_some(handle)
        });
        handles.collect::<BTreeSet<_>>().into_iter().take(MENTIONS_MAX).collect()
    }
}

impl StoryInsights {
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(Self {
            media_id: id(value, "media_id")?,
            exits: count(value, "exits"),
            replies: count(value, "replies"),
            reach: count(value, "reach"),
            taps_forward: count(value, "taps_forward"),
            taps_back: count(value, "taps_back"),
            impressions: count(value, "impressions"),
            details: storable(value),
        })
    }
}
