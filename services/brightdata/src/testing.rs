//! What unit tests share.

use std::collections::BTreeMap;

use contract::{
    Envelope, EventId,
    brightdata::{Kind, Platform, TYPE_PART},
};
use time::macros::datetime;

/// The envelope of a part of which nothing is declared.
pub(crate) fn envelope() -> Envelope {
    Envelope {
        id: EventId::generate(),
        source: "/api/brightdata/webhook/".to_owned(),
        event_type: TYPE_PART.to_owned(),
        subject: Some("s_m4x7enmven8djfqak".to_owned()),
        time: datetime!(2026-01-16 10:00 UTC),
        content_type: "application/x-ndjson".to_owned(),
        dedup_key: "bd:s_m4x7enmven8djfqak:1:0".to_owned(),
        delivery_id: None,
        action: None,
        rejected: None,
        replayed_from: None,
        extensions: BTreeMap::new(),
    }
}

/// The reference's example of this sort.
pub(crate) fn record(platform: Platform, kind: Kind) -> &'static str {
    macro_rules! records {
        ($($platform:ident $kind:ident = $file:literal;)*) => {
            match (platform, kind) {
                $((Platform::$platform, Kind::$kind) => include_str!(concat!("../tests/records/", $file)),)*
                _ => panic!("no example of {platform} {kind}"),
            }
        };
    }
    records! {
        Facebook Posts = "facebook-posts.json";
        Facebook Reels = "facebook-reels.json";
        Facebook Comments = "facebook-comments.json";
        Facebook Pages = "facebook-pages.json";
        Instagram Posts = "instagram-posts.json";
        Instagram Reels = "instagram-reels.json";
        Instagram Stories = "instagram-stories.json";
        Instagram Comments = "instagram-comments.json";
        LinkedIn Posts = "linkedin-posts.json";
        LinkedIn Companies = "linkedin-companies.json";
        TikTok Videos = "tiktok-videos.json";
        TikTok Profiles = "tiktok-profiles.json";
    }
}
