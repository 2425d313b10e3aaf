//! Records as Bright Data's datasets hold them, with their quirks: counters as text, names misspelled, values corrupt.

use serde_json::{Value, json};

/// A dataset: its id, and what it is about in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dataset {
    /// Bright Data's id.
    pub id: &'static str,
    /// Platform.
    pub platform: &'static str,
    /// Kind of record.
    pub kind: &'static str,
}

const fn dataset(id: &'static str, platform: &'static str, kind: &'static str) -> Dataset {
    Dataset { id, platform, kind }
}

/// The datasets that the simulator has.
pub const DATASETS: &[Dataset] = &[
    dataset("gd_lkaxegm826bjpoo9m5", "facebook", "posts"),
    dataset("gd_lkay758p1eanlolqw8", "facebook", "comments"),
    dataset("gd_mf124a0511bauquyow", "facebook", "pages"),
    dataset("gd_lk5ns7kz21pck8jpis", "instagram", "posts"),
    dataset("gd_lyclm20il4r5helnj", "instagram", "reels"),
    dataset("gd_ltppn085pokosxh13", "instagram", "comments"),
    dataset("gd_lyy3tktm25m4avu764", "linkedin", "posts"),
    dataset("gd_l1vikfnt1wgvvqz95w", "linkedin", "companies"),
    dataset("gd_lu702nij2f790tmv9h", "tiktok", "videos"),
    dataset("gd_l1villgoiiidt09ci", "tiktok", "profiles"),
];

/// So many records of a dataset.
pub fn records(dataset: &Dataset, count: usize, timestamp: &str) -> Vec<Value> {
    (0..count).map(|number| record(dataset, number, timestamp)).collect()
}

/// One record. The same number is the same post or profile.
pub fn record(dataset: &Dataset, number: usize, timestamp: &str) -> Value {
    let id = 3_500_000_000_000_000_000_u64 + number as u64;
    let mut record = match (dataset.platform, dataset.kind) {
        ("facebook", "posts") => facebook_post(id, number),
        ("facebook", "comments") => json!({
            "url": format!("https://www.facebook.com/acmeexample/posts/1?comment_id={id}"), "post_id": "1",
            "post_url": "https://www.facebook.com/acmeexample/posts/1", "comment_id": format!("Y29t{id}"),
            "user_name": "Maria Exemplo", "user_id": "pfbid0exampleABC", "comment_text": "Obrigada!",
            "date_created": "2026-01-12T18:00:00.000Z", "num_likes": number, "num_replies": 0, "reply": false,
        }),
        ("facebook", _) => json!({
            "id": id.to_string(), "url": format!("https://www.facebook.com/acme{number}"), "page_name": "Acme Example",
            "username": format!("acme{number}"), "entity_type": "PAGE", "primary_category": "Computer Company",
            "phones": ["+1 555 0100"], "emails": ["hello@acme.example"], "websites": null, "followers": 12_034,
            "is_verified": true, "contact_and_basic_info": { "categories": ["Computer Company"] },
        }),
        ("instagram", "comments") => json!({
            "url": "https://www.instagram.com/p/DAbCdEfGhIj/", "comment_user": "fan.one", "comment": "Lindo! 😀",
            "comment_user_url": "https://www.instagram.com/fan.one", "comment_date": "2026-01-10T13:05:00.000Z",
            "likes_number": number, "replies_number": 0, "post_url": "https://www.instagram.com/p/DAbCdEfGhIj/",
            "post_user": "acme.example", "comment_id": id.to_string(), "post_id": "3500000000000000001_50000000001",
        }),
        ("instagram", "reels") => instagram_reel(id, number),
        ("instagram", _) => instagram_post(id, number),
        ("linkedin", "companies") => json!({
            "id": format!("acme-{number}"), "company_id": id.to_string(), "name": "Acme Example", "country_code": "BR",
            "followers": 1557, "employees_in_linkedin": 254, "about": "We make examples.", "founded": 2015,
            "specialties": "examples, samples", "company_size": "201-500 employees", "industries": ["Software"],
            "url": format!("https://www.linkedin.com/company/acme-{number}"),
            "similar": [{ "title": "Other", "Links": "https://www.linkedin.com/company/other" }],
        }),
        ("linkedin", _) => json!({
            "url": format!("https://www.linkedin.com/posts/ana-exemplo-1_activity-{id}-aBcD"), "id": id.to_string(),
            "user_id": "ana-exemplo-1", "use_url": "https://www.linkedin.com/in/ana-exemplo-1",
            "headline": "We are hiring", "post_text": "We are hiring.", "date_posted": "2026-01-09T22:21:30.971Z",
            "hashtags": ["#jobs"], "num_likes": 95 + number, "num_comments": 50, "post_type": "post",
            "account_type": "Person", "repost": { "repost_hangtags": null, "repost_id": null },
            "discovery_input": { "url": "https://www.linkedin.com/in/ana-exemplo-1" },
        }),
        ("tiktok", "profiles") => json!({
            "account_id": format!("acme{number}"), "id": id.to_string(), "nickname": "Acme", "followers": 8800,
            "url": format!("https://www.tiktok.com/@acme{number}"), "following": 12, "likes": 120_034,
            "videos_count": 77, "awg_engagement_rate": 0.041, "is_verified": false, "is_private": false,
            "create_time": "2020-01-01T00:00:00.000Z", "discovery_input": {},
        }),
        _ => tiktok_video(id, number),
    };
    let input = json!({ "url": record.get("url").cloned() });
    if let Value::Object(members) = &mut record {
        members.insert("timestamp".to_owned(), timestamp.into());
        members.insert("input".to_owned(), input);
    }
    record
}

/// A record whose counters are beyond every integer, as in the vendor's own sample.
pub fn corrupt_record(number: usize, timestamp: &str) -> Value {
    let dataset = dataset("gd_lyy3tktm25m4avu764", "linkedin", "posts");
    let mut record = record(&dataset, number, timestamp);
    if let Value::Object(members) = &mut record {
        members.insert("num_likes".to_owned(), json!(5.532_894_228_304_753e32));
        members.insert("num_comments".to_owned(), json!("1,204"));
    }
    record
}

/// An input that could not be collected.
pub fn error_record(url: &str, timestamp: &str) -> Value {
    json!({ "timestamp": timestamp, "input": { "url": url }, "error": "4XX page - dead page.", "error_code": "dead_page" })
}

fn facebook_post(id: u64, number: usize) -> Value {
    json!({
        "url": format!("https://www.facebook.com/acmeexample/posts/{id}"), "post_id": id.to_string(),
        "user_url": "https://www.facebook.com/acmeexample", "user_username_raw": "Acme Example",
        "content": "Opening hours change on Monday.", "date_posted": "2026-01-12T17:10:31.000Z", "hashtags": ["acme"],
        "num_comments": 55, "num_shares": 16, "num_likes_type": { "type": "Like", "num": 265 }, "likes": 316 + number,
        "count_reactions_type": [{ "type": "Like", "reaction_count": 265 }, { "type": "Love", "reaction_count": 51 }],
        "page_name": "Acme Example", "profile_id": "100050000000001", "page_followers": 12_034, "is_sponsored": false,
        "shortcode": id.to_string(), "post_type": "Post", "video_view_count": null, "original_post": null,
        "attachments": [{ "id": "1", "type": "Photo", "url": "https://cdn.example.com/p.jpg", "video_length": "15033" }],
    })
}

fn instagram_post(id: u64, number: usize) -> Value {
    json!({
        "url": format!("https://www.instagram.com/p/D{number}/"), "user_posted": "acme.example",
        "description": "Ano novo. #acme 😀", "hashtags": ["#acme"], "num_comments": 8, "likes": 312 + number,
        "date_posted": "2026-01-10T12:00:00.000Z", "photos": ["https://cdn.example.com/1.jpg"], "videos": null,
        "location": ["Sao Paulo"], "post_id": id.to_string(), "shortcode": format!("D{number}"),
        "content_type": "Carousel", "content_id": format!("D{number}"), "product_type": "feed", "video_view_count": null,
        "followers": 5120, "posts_count": 231, "is_verified": false, "user_posted_id": "50000000001",
        "profile_url": "https://www.instagram.com/acme.example", "discovery_input": null,
    })
}

fn instagram_reel(id: u64, number: usize) -> Value {
    json!({
        "url": format!("https://www.instagram.com/reel/R{number}/"), "user_posted": "acme.example",
        "description": "Behind the scenes", "hashtags": null, "num_comments": 14, "likes": 902, "views": 40_211 + number,
        "video_play_count": 61_002, "date_posted": "2026-01-11T12:00:00.000Z", "product_type": "clips",
        "post_id": format!("{id}_50000000001"), "shortcode": format!("R{number}"), "length": "15.033",
        "top_comments": [{ "user_commenting": "fan.one", "comment": "nice", "likes": "3", "num_replies": 0 }],
        "video_url": "https://cdn.example.com/r.mp4",
    })
}

fn tiktok_video(id: u64, number: usize) -> Value {
    json!({
        "url": format!("https://www.tiktok.com/@acme.example/video/{id}"), "post_id": id.to_string(),
        "description": "demo #acme", "create_time": "2026-01-08T20:00:00.000Z", "digg_count": 1200 + number,
        "share_count": "35", "collect_count": 80, "comment_count": 41, "play_count": 90_210, "video_duration": 17,
        "hashtags": ["acme"], "profile_id": "6800000000000000001", "profile_username": "acme.example",
        "offical_item": false, "account_id": "acme.example", "region": "BR", "discovery_input": null,
    })
}

#[cfg(test)]
mod tests {
    use contract::brightdata::{Kind, Platform};

    use super::*;

    #[test]
    fn every_dataset_holds_what_its_id_says() {
        for dataset in DATASETS {
            let expected =
                (dataset.platform.parse::<Platform>().unwrap(), dataset.kind.parse::<Kind>().unwrap());
            assert_eq!(contract::brightdata::dataset(dataset.id), Some(expected), "{}", dataset.id);
            let record = record(dataset, 1, "2026-01-15T08:00:00.000Z");
            assert!(record["url"].as_str().unwrap().contains(dataset.platform), "{record}");
        }
    }
}
