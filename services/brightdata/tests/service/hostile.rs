//! Values that no one would expect: each harms at most itself.

use rand::{Rng as _, SeedableRng as _, distr::Alphanumeric, rngs::StdRng};
use serde_json::{Value, json};

use crate::given::{Service, example, post};

/// A text that no compression makes short enough for an index.
fn long() -> String {
    StdRng::seed_from_u64(3).sample_iter(Alphanumeric).take(20_000).map(char::from).collect()
}

#[tokio::test]
async fn a_text_longer_than_an_index_takes_harms_no_record() {
    let service = Service::start().await;
    let with = |sort: &str, names: &[&str]| {
        let mut record = example(sort);
        for name in names {
            record[*name] = long().into();
        }
        record
    };
    let records = [
        with("instagram-posts", &["user_posted", "shortcode", "url", "user_posted_id", "description"]),
        with("instagram-comments", &["post_id", "post_url", "comment_user", "parent_comment_id"]),
        with("tiktok-profiles", &["account_id", "nickname"]),
        json!({"url":"https://www.instagram.com/p/x/","error":long(),"error_code":long(),"input":{"url":long()}}),
        post(7, 7, 0),
    ];
    service.part(1, &records).await;
    service.settled(1).await;
    assert_eq!(
        service.account.dead(),
        0,
        "{:?}",
        service.json("select to_jsonb(e) - 'body' from webhook_events e").await
    );
    let whole =
        "select (select count(*) from social_posts) * 100 + (select count(*) from social_comments) * 10
        + (select count(*) from social_profiles)";
    assert_eq!(service.count(whole).await, 211);
    assert_eq!(service.count("select count(*) from scrape_record_errors").await, 1);
    assert_eq!(service.count("select max(length(text))::bigint from social_posts").await, 20_000);
    service.stop().await;
}

#[tokio::test]
async fn names_of_fields_that_differ_by_nul_alone_are_one_difference() {
    let service = Service::start().await;
    let mut record = post(1, 1, 0);
    record["mood"] = 1.into();
    record["mo\u{0}od"] = 2.into();
    service.part(1, &[record]).await;
    service.settled(1).await;
    assert_eq!(service.account.dead(), 0);
    assert_eq!(service.count("select records from schema_drift where path = 'mood'").await, 2);
    service.stop().await;
}

#[tokio::test]
async fn a_record_from_the_future_does_not_freeze_its_row() {
    let service = Service::start().await;
    let mut future = post(1, 1, 0);
    future["timestamp"] = "9999-12-31T23:59:59.000-01:00".into();
    service.part(1, &[future, post(2, 2, 0)]).await;
    service.settled(1).await;
    let mut later = post(1, 2, 0);
    later["timestamp"] = Value::Null;
    service.part(2, &[later]).await;
    service.settled(2).await;
    assert_eq!(service.count("select likes from social_posts where external_id = '1'").await, 2);

    let mut future = post(3, 1, 0);
    future["timestamp"] = "2199-12-31T23:59:59.000Z".into();
    service.part(3, &[future]).await;
    service.settled(3).await;
    let told =
        "select count(*) from social_posts where external_id = '3' and refused_fields = '[\"timestamp\"]'
        and collected_at < now() + interval '1 minute'";
    assert_eq!(service.count(told).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn half_an_emoji_costs_only_itself() {
    let service = Service::start().await;
    let whole = post(1, 1, 0).to_string();
    let cut = whole
        .replace("New year.", r"New year \ud83d")
        .replace("A cup", r"\udc00 cup")
        .replace("has_handshake", r"\ud83dhandshake");
    assert_ne!(whole, cut);
    let envelope = crate::given::part(crate::given::SNAPSHOT, 1, &cut);
    service.publish(contract::brightdata::DELIVERY, envelope, cut).await;
    service.settled(1).await;
    let row = "select count(*) from social_posts
        where text = U&'New year \\FFFD #acme' and likes = 1 and refused_fields is null";
    assert_eq!(
        service.count(row).await,
        1,
        "{}",
        service.json("select to_jsonb(p) from social_posts p").await
    );
    service.stop().await;
}
