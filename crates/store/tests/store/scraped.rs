//! Scraped records: what their rows say, in any order.

use contract::EventId;
use sqlx::PgPool;
use store::{
    Media, Provenance,
    schema_drift::{self, Change, Drift},
    scrape_record_errors::{self, RecordError},
    social_comments::{self, Comment},
    social_posts::{self, Post},
    social_profiles::{self, Profile},
};
use testkit::Database;
use time::{Duration, OffsetDateTime};

use crate::given::{INSTANT, NOW, scalar};

fn provenance(collected_at: OffsetDateTime, raw: &[u8]) -> Provenance<'_> {
    Provenance {
        snapshot_id: Some("s_1"),
        collected_at,
        event_id: EventId::generate(),
        received_at: NOW,
        raw,
        warning_code: None,
        warning: None,
        refused_fields: Vec::new(),
    }
}

fn post<'a>(id: &str, likes: i64, collected_at: OffsetDateTime, raw: &'a [u8]) -> Post<'a> {
    Post {
        platform: "instagram",
        kind: "posts",
        external_id: id.to_owned(),
        shortcode: None,
        url: None,
        author: Some("acme\0".to_owned()),
        author_id: None,
        author_name: None,
        author_url: None,
        author_followers: None,
        author_is_verified: Some(true),
        text: None,
        posted_at: None,
        likes: Some(likes),
        comments: None,
        shares: None,
        views: None,
        saves: None,
        reactions: Vec::new(),
        media: vec![Media { kind: "photo".to_owned(), url: "https://cdn.example.com/1\0.jpg".to_owned() }],
        hashtags: vec!["#acme".to_owned()],
        content_type: None,
        duration_seconds: Some(1.5),
        is_sponsored: None,
        location: None,
        original_id: None,
        original_url: None,
        provenance: provenance(collected_at, raw),
    }
}

async fn upsert(pool: &PgPool, posts: &[Post<'_>]) {
    social_posts::upsert(&mut pool.acquire().await.unwrap(), posts).await.unwrap();
}

#[tokio::test]
async fn a_post_is_what_its_newest_record_says_in_any_order() {
    let database = Database::create().await;
    let (pool, later) = (database.pool(), INSTANT + Duration::microseconds(1));
    upsert(pool, &[post("1", 20, INSTANT, b"b"), post("2", 1, INSTANT, b"x"), post("1", 10, INSTANT, b"a")])
        .await;
    assert_eq!(scalar(pool, "select likes from social_posts where external_id = '1'").await, 20);
    upsert(pool, &[post("1", 30, INSTANT - Duration::HOUR, b"z")]).await;
    assert_eq!(
        scalar(pool, "select likes from social_posts where external_id = '1'").await,
        20,
        "an older one"
    );
    upsert(pool, &[post("1", 40, INSTANT, b"a")]).await;
    assert_eq!(
        scalar(pool, "select likes from social_posts where external_id = '1'").await,
        20,
        "settled before"
    );
    upsert(pool, &[post("1", 50, INSTANT, b"c")]).await;
    assert_eq!(scalar(pool, "select likes from social_posts where external_id = '1'").await, 50);
    upsert(pool, &[post("1", 60, later, b"a")]).await;
    assert_eq!(scalar(pool, "select likes from social_posts where external_id = '1'").await, 60);
    let clean = "select count(*) from social_posts where author = 'acme' and hashtags ? '#acme'
        and media @> '[{\"type\":\"photo\",\"url\":\"https://cdn.example.com/1.jpg\"}]'";
    assert_eq!(scalar(pool, clean).await, 2);
}

#[tokio::test]
async fn a_comment_and_a_profile_are_what_their_newest_records_say() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let comment = |likes, collected_at| Comment {
        platform: "facebook",
        external_id: "c1".to_owned(),
        url: None,
        post_id: None,
        post_url: None,
        post_author: None,
        parent_id: None,
        is_reply: None,
        author: None,
        author_id: None,
        author_url: None,
        text: None,
        posted_at: None,
        likes: Some(likes),
        replies: None,
        media: Vec::new(),
        hashtags: Vec::new(),
        provenance: provenance(collected_at, b"{}"),
    };
    let profile = |followers, collected_at| Profile {
        platform: "tiktok",
        kind: "profiles",
        external_id: "p1".to_owned(),
        url: None,
        username: None,
        name: None,
        description: None,
        category: None,
        website: None,
        image_url: None,
        country: None,
        location: None,
        emails: vec!["a@example.com".to_owned()],
        phones: Vec::new(),
        followers: Some(followers),
        following: None,
        likes: None,
        posts_count: None,
        employees: None,
        company_size: None,
        founded: None,
        rating: None,
        engagement_rate: Some(0.041),
        is_verified: None,
        is_private: None,
        profile_created_at: None,
        provenance: provenance(collected_at, b"{}"),
    };
    let later = INSTANT + Duration::HOUR;
    for (number, instant) in [(1, INSTANT), (3, later), (2, INSTANT)] {
        social_comments::upsert(&mut connection, &[comment(number, instant)]).await.unwrap();
        social_profiles::upsert(&mut connection, &[profile(number, instant)]).await.unwrap();
    }
    assert_eq!(scalar(database.pool(), "select likes from social_comments").await, 3);
    assert_eq!(scalar(database.pool(), "select followers from social_profiles").await, 3);
}

#[tokio::test]
async fn an_input_of_a_job_has_one_error() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let error = |snapshot_id, code: &str, collected_at| RecordError {
        input_hash: [7; 32],
        input_url: None,
        dataset_id: None,
        platform: None,
        kind: None,
        error_code: code.to_owned(),
        error: None,
        status_code: None,
        provenance: Provenance { snapshot_id, ..provenance(collected_at, b"{}") },
    };
    let later = INSTANT + Duration::HOUR;
    let errors = [
        error(Some("s_1"), "blocked", INSTANT),
        error(Some("s_1"), "dead_page", later),
        error(None, "blocked", INSTANT),
        error(Some("s_2"), "blocked", INSTANT),
    ];
    scrape_record_errors::upsert(&mut connection, &errors).await.unwrap();
    scrape_record_errors::upsert(&mut connection, &errors[..1]).await.unwrap();
    scrape_record_errors::upsert(&mut connection, &errors[2..3]).await.unwrap();
    assert_eq!(scalar(database.pool(), "select count(*) from scrape_record_errors").await, 3);
    let permanent = "select count(*) from scrape_record_errors where is_permanent and snapshot_id = 's_1'";
    assert_eq!(scalar(database.pool(), permanent).await, 1);
}

#[tokio::test]
async fn differences_are_counted_on_and_bounded() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let drift = |path: String| Drift {
        dataset: "instagram/posts".to_owned(),
        path,
        change: Change::New,
        found: "string",
        expected: None,
        records: 2,
        snapshot_id: None,
    };
    let known = [drift("mood".to_owned())];
    schema_drift::count(&mut connection, &known, NOW).await.unwrap();
    schema_drift::count(&mut connection, &known, NOW + Duration::HOUR).await.unwrap();
    let counted = "select count(*) from schema_drift where records = 4 and first_seen_at < last_seen_at";
    assert_eq!(scalar(database.pool(), counted).await, 1);

    let hostile: Vec<_> = (0..schema_drift::ROWS_MAX).map(|number| drift(format!("x{number}"))).collect();
    schema_drift::count(&mut connection, &hostile, NOW).await.unwrap();
    schema_drift::count(&mut connection, &[drift("too much".to_owned()), drift("mood".to_owned())], NOW)
        .await
        .unwrap();
    assert_eq!(scalar(database.pool(), "select count(*) from schema_drift where path = 'too much'").await, 0);
    assert_eq!(scalar(database.pool(), "select records from schema_drift where path = 'mood'").await, 6);
}
