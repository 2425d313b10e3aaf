//! `LinkedIn`: posts, companies.

use contract::brightdata::{Kind, Platform};
use store::{social_posts::Post, social_profiles::Profile};

use super::{Origin, media_of};
use crate::record::Record;

const PLATFORM: &str = Platform::LinkedIn.as_str();

pub(super) fn post<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Post<'a> {
    let media = media_of(record, "photo", "images").chain(media_of(record, "video", "videos")).collect();
    Post {
        platform: PLATFORM,
        kind: Kind::Posts.as_str(),
        external_id: id,
        shortcode: None,
        url: record.text(&["url"]),
        author: record.text(&["user_id"]),
        author_id: record.id(&["user_id"]),
        author_name: None,
        // The records say `use_url`, the documentation `user_url`.
        author_url: record.text(&["use_url", "user_url"]),
        author_followers: record.count(&["user_followers"]),
        author_is_verified: None,
        text: record.text(&["post_text", "title", "headline"]),
        posted_at: record.instant(&["date_posted"]),
        likes: record.count(&["num_likes"]),
        comments: record.count(&["num_comments"]),
        shares: record.count(&["num_shares"]),
        views: None,
        saves: None,
        reactions: Vec::new(),
        media,
        hashtags: record.texts(&["hashtags"]),
        content_type: record.text(&["post_type"]),
        duration_seconds: None,
        is_sponsored: None,
        location: None,
        original_id: record.id(&["repost.repost_id"]),
        original_url: record.text(&["repost.repost_url"]),
        provenance: origin.provenance(record),
    }
}

pub(super) fn company<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Profile<'a> {
    Profile {
        platform: PLATFORM,
        kind: Kind::Companies.as_str(),
        external_id: id,
        url: record.text(&["url"]),
        username: record.id(&["id"]),
        name: record.text(&["name"]),
        description: record.text(&["about", "description"]),
        category: record.text(&["industries"]),
        website: record.text(&["website", "website_simplified"]),
        image_url: record.text(&["logo", "image"]),
        country: record.text(&["country_code"]),
        location: record.text(&["headquarters", "formatted_locations", "locations"]),
        emails: Vec::new(),
        phones: Vec::new(),
        followers: record.count(&["followers"]),
        following: None,
        likes: None,
        posts_count: None,
        employees: record.count(&["employees_in_linkedin"]),
        company_size: record.text(&["company_size"]),
        founded: record.count(&["founded"]),
        rating: None,
        engagement_rate: None,
        is_verified: None,
        is_private: None,
        profile_created_at: None,
        provenance: origin.provenance(record),
    }
}
