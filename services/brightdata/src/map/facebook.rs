//! Facebook: posts and reels, comments, pages.

use contract::brightdata::{Kind, Platform};
use serde_json::Value;
use store::{Media, Reaction, social_comments::Comment, social_posts::Post, social_profiles::Profile};

use super::{Origin, media_of, member};
use crate::{number::Number, record::Record};

const PLATFORM: &str = Platform::Facebook.as_str();

pub(super) fn post<'a>(id: String, kind: Kind, record: &mut Record<'a>, origin: Origin<'a>) -> Post<'a> {
    Post {
        platform: PLATFORM,
        kind: kind.as_str(),
        external_id: id,
        shortcode: record.text(&["shortcode"]),
        url: record.text(&["url"]),
        author: record.text(&["user_username_raw", "page_name", "user_posted"]),
        author_id: record.id(&["profile_id"]),
        author_name: record.text(&["page_name", "user_username_raw"]),
        author_url: record.text(&["user_url", "page_url"]),
        author_followers: record.count(&["page_followers"]),
        author_is_verified: record.flag(&["page_is_verified"]),
        text: record.text(&["content", "description"]),
        posted_at: record.instant(&["date_posted"]),
        likes: record.count(&["likes", "num_likes_type.num"]),
        comments: record.count(&["num_comments"]),
        shares: record.count(&["num_shares"]),
        views: record.count(&["video_view_count", "play_count"]),
        saves: None,
        reactions: record.list("count_reactions_type").iter().filter_map(reaction).collect(),
        media: media(record),
        hashtags: record.texts(&["hashtags"]),
        content_type: record.text(&["post_type"]),
        duration_seconds: duration_seconds(record),
        is_sponsored: record.flag(&["is_sponsored"]),
        location: None,
        original_id: record.id(&["original_post.post_id"]),
        original_url: record.text(&["original_post.url"]),
        provenance: origin.provenance(record),
    }
}

pub(super) fn comment<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Comment<'a> {
    let parent_id = record.id(&["parent_comment_id"]);
    Comment {
        platform: PLATFORM,
        external_id: id,
        url: record.text(&["url"]),
        post_id: record.id(&["post_id"]),
        post_url: record.text(&["post_url"]),
        post_author: None,
        is_reply: record.flag(&["reply"]).or_else(|| parent_id.is_some().then_some(true)),
        parent_id,
        author: record.text(&["user_name", "comment_user"]),
        author_id: record.id(&["user_id"]),
        author_url: record.text(&["user_url", "comment_user_url"]),
        text: record.text(&["comment_text", "comment"]),
        posted_at: record.instant(&["date_created", "comment_date"]),
        likes: record.count(&["num_likes", "reactions"]),
        replies: record.count(&["num_replies", "replies_count"]),
        media: media_of(record, "file", "attached_files").collect(),
        hashtags: Vec::new(),
        provenance: origin.provenance(record),
    }
}

pub(super) fn page<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Profile<'a> {
    const CONTACT: &str = "contact_and_basic_info.contact_info";
    let contact = |name: &str| format!("{CONTACT}.{name}");
    Profile {
        platform: PLATFORM,
        kind: Kind::Pages.as_str(),
        external_id: id,
        url: record.text(&["url"]),
        username: record.text(&["username"]),
        name: record.text(&["page_name", "name"]),
        description: record.text(&["summary_text", "about"]),
        category: record.text(&["primary_category", "contact_and_basic_info.categories"]),
        website: record.texts(&["websites", &contact("websites")]).into_iter().next(),
        image_url: record.text(&["logo"]),
        country: None,
        location: record.text(&["address.formatted", "address", &contact("address")]),
        emails: record.texts(&["emails", &contact("emails")]),
        phones: record.texts(&["phones", &contact("phones")]),
        followers: record.count(&["followers"]),
        following: record.count(&["following"]),
        likes: record.count(&["likes"]),
        posts_count: None,
        employees: None,
        company_size: None,
        founded: None,
        rating: rating(record),
        engagement_rate: None,
        is_verified: record.flag(&["is_verified"]),
        is_private: None,
        profile_created_at: record.instant(&["creation_time", "page_creation_time"]),
        provenance: origin.provenance(record),
    }
}

/// `rating` itself may be a number or a sentence; a sentence is no corrupt number.
fn rating(record: &mut Record<'_>) -> Option<f64> {
    let plain = record.get("rating").map(Number::of);
    match plain {
        Some(Number::Is(rating)) => Some(rating),
        _ => record.number(&["contact_and_basic_info.basic_info.rating.value"]),
    }
}

fn reaction(value: &Value) -> Option<Reaction> {
    let count = value.get("reaction_count").map_or(Number::Absent, Number::of).whole();
    Some(Reaction { kind: member(value, "type")?, count })
}

fn media(record: &Record<'_>) -> Vec<Media> {
    let attachment = |value: &Value| {
        let url = member(value, "video_url").or_else(|| member(value, "url"))?;
        let kind = member(value, "type").map_or_else(|| "file".to_owned(), |kind| kind.to_lowercase());
        Some(Media { kind, url })
    };
    let attachments: Vec<_> = record.list("attachments").iter().filter_map(attachment).collect();
    if attachments.is_empty() { media_of(record, "photo", "post_image").collect() } else { attachments }
}

/// The first film's, which is given as a text of milliseconds.
fn duration_seconds(record: &Record<'_>) -> Option<f64> {
    record.list("attachments").iter().find_map(|value| match Number::of(value.get("video_length")?) {
        Number::Is(milliseconds) => Some(milliseconds / 1_000.0),
        Number::Absent | Number::Corrupt => None,
    })
}
