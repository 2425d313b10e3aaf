//! Instagram: posts, reels and stories, comments.

use contract::brightdata::{Kind, Platform};
use serde_json::Value;
use store::{Media, social_comments::Comment, social_posts::Post};

use super::{Origin, media_of, member};
use crate::record::Record;

const PLATFORM: &str = Platform::Instagram.as_str();

pub(super) fn post<'a>(id: String, kind: Kind, record: &mut Record<'a>, origin: Origin<'a>) -> Post<'a> {
    Post {
        platform: PLATFORM,
        kind: kind.as_str(),
        external_id: id,
        shortcode: record.text(&["shortcode", "content_id"]),
        url: record.text(&["url"]),
        author: record.text(&["user_posted"]),
        author_id: record.id(&["user_posted_id"]),
        author_name: None,
        author_url: record.text(&["profile_url", "user_profile_url"]),
        author_followers: record.count(&["followers"]),
        author_is_verified: record.flag(&["is_verified"]),
        text: record.text(&["description"]),
        posted_at: record.instant(&["date_posted"]),
        likes: record.count(&["likes"]),
        comments: record.count(&["num_comments"]),
        shares: record.count(&["num_shares"]),
        views: record.count(&["views", "video_play_count", "video_view_count"]),
        saves: None,
        reactions: Vec::new(),
        media: media(record),
        hashtags: record.texts(&["hashtags"]),
        content_type: record.text(&["content_type", "product_type"]),
        duration_seconds: record.number(&["length"]),
        is_sponsored: record.flag(&["is_paid_partnership"]),
        location: record.text(&["location"]),
        original_id: None,
        original_url: None,
        provenance: origin.provenance(record),
    }
}

/// Its `url` is the post's: a comment has no address of its own.
pub(super) fn comment<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Comment<'a> {
    Comment {
        platform: PLATFORM,
        external_id: id,
        url: record.text(&["url"]),
        post_id: record.id(&["post_id"]),
        post_url: record.text(&["post_url", "url"]),
        post_author: record.text(&["post_user"]),
        parent_id: record.id(&["parent_comment_id"]),
        is_reply: None,
        author: record.text(&["comment_user"]),
        author_id: record.id(&["comment_user_id"]),
        author_url: record.text(&["comment_user_url"]),
        text: record.text(&["comment"]),
        posted_at: record.instant(&["comment_date"]),
        likes: record.count(&["likes_number"]),
        replies: record.count(&["replies_number"]),
        media: Vec::new(),
        hashtags: record.texts(&["hashtag_comment"]),
        provenance: origin.provenance(record),
    }
}

/// What the post shows, in its order; older records have pictures and films apart.
fn media(record: &Record<'_>) -> Vec<Media> {
    let shown = |value: &Value| {
        let kind = member(value, "type").map_or_else(|| "photo".to_owned(), |kind| kind.to_lowercase());
        Some(Media { kind, url: member(value, "url")? })
    };
    let content: Vec<_> = record.list("post_content").iter().filter_map(shown).collect();
    if !content.is_empty() {
        return content;
    }
    media_of(record, "photo", "photos")
        .chain(media_of(record, "video", "videos"))
        .chain(media_of(record, "video", "video_url"))
        .collect()
}
