//! `TikTok`: videos, profiles.

use contract::brightdata::{Kind, Platform};
use store::{social_posts::Post, social_profiles::Profile};

use super::{Origin, media_of};
use crate::record::Record;

const PLATFORM: &str = Platform::TikTok.as_str();

pub(super) fn video<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Post<'a> {
    let film = media_of(record, "video", "video_url").chain(media_of(record, "video", "cdn_url")).take(1);
    let media = film.chain(media_of(record, "photo", "carousel_images")).collect();
    Post {
        platform: PLATFORM,
        kind: Kind::Videos.as_str(),
        external_id: id,
        shortcode: record.text(&["shortcode"]),
        url: record.text(&["url"]),
        author: record.text(&["profile_username", "account_id"]),
        author_id: record.id(&["profile_id"]),
        author_name: None,
        author_url: record.text(&["profile_url"]),
        author_followers: record.count(&["profile_followers"]),
        author_is_verified: record.flag(&["is_verified"]),
        text: record.text(&["description"]),
        posted_at: record.instant(&["create_time"]),
        likes: record.count(&["digg_count"]),
        comments: record.count(&["comment_count"]),
        shares: record.count(&["share_count"]),
        views: record.count(&["play_count"]),
        saves: record.count(&["collect_count"]),
        reactions: Vec::new(),
        media,
        hashtags: record.texts(&["hashtags"]),
        content_type: record.text(&["post_type"]),
        duration_seconds: record.number(&["video_duration"]),
        is_sponsored: None,
        location: record.text(&["region"]),
        original_id: None,
        original_url: None,
        provenance: origin.provenance(record),
    }
}

pub(super) fn profile<'a>(id: String, record: &mut Record<'a>, origin: Origin<'a>) -> Profile<'a> {
    Profile {
        platform: PLATFORM,
        kind: Kind::Profiles.as_str(),
        external_id: id,
        url: record.text(&["url"]),
        username: record.text(&["account_id"]),
        name: record.text(&["nickname"]),
        description: record.text(&["biography", "signature"]),
        category: None,
        website: record.text(&["bio_link", "bio_link.link"]),
        image_url: record.text(&["profile_pic_url_hd", "profile_pic_url"]),
        country: record.text(&["region"]),
        location: None,
        emails: Vec::new(),
        phones: Vec::new(),
        followers: record.count(&["followers"]),
        following: record.count(&["following"]),
        likes: record.count(&["likes", "like_count"]),
        posts_count: record.count(&["videos_count"]),
        employees: None,
        company_size: None,
        founded: None,
        rating: None,
        engagement_rate: record.number(&["awg_engagement_rate"]),
        is_verified: record.flag(&["is_verified"]),
        is_private: record.flag(&["is_private"]),
        profile_created_at: record.instant(&["create_time"]),
        provenance: origin.provenance(record),
    }
}
