use contract::EventId;
use serde_json::json;
use store::schema_drift::Change;
use time::macros::datetime;

use super::*;
use crate::{schema::DESCRIBED, testing};

fn heading() -> Heading<'static> {
    Heading {
        snapshot_id: Some("s_m4x7enmven8djfqak"),
        event_id: EventId::generate(),
        received_at: datetime!(2026-01-16 10:00 UTC),
        dataset_id: None,
        declared: Declared::default(),
        is_foreign: false,
    }
}

/// The example on one line, with some members replaced.
fn line(platform: Platform, kind: Kind, changes: &Value) -> String {
    let mut record: Value = serde_json::from_str(testing::record(platform, kind)).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record.to_string()
}

#[test]
fn a_record_is_recognised_by_its_host_and_shape() {
    for (platform, kind) in DESCRIBED {
        let line = line(*platform, *kind, &json!({}));
        let reading = Reading::of(heading(), line.as_bytes());
        // A reel of Facebook has the shape of a post: only its dataset tells.
        let kind = if (*platform, *kind) == (Platform::Facebook, Kind::Reels) { Kind::Posts } else { *kind };
        assert_eq!(reading.sort(), (Some(*platform), Some(kind)), "{line}");
        assert_eq!((reading.stored(), reading.counts.warnings), (1, 0), "{line}");
    }
}

#[test]
fn what_is_declared_wins_over_the_shape_unless_the_record_cannot_be_that() {
    let declared =
        |kind| Heading { declared: Declared { platform: Some(Platform::Facebook), kind }, ..heading() };
    let reel = line(Platform::Facebook, Kind::Reels, &json!({}));
    let as_reel = Reading::of(declared(Some(Kind::Reels)), reel.as_bytes());
    assert_eq!(as_reel.posts.first().unwrap().kind, "reels");
    let as_page = Reading::of(declared(Some(Kind::Pages)), reel.as_bytes());
    assert_eq!(as_page.posts.first().unwrap().kind, "posts");
}

#[test]
fn every_line_ends_up_somewhere() {
    let long_id = line(Platform::Instagram, Kind::Posts, &json!({"post_id": "9".repeat(2_000)}));
    let no_id = line(Platform::Instagram, Kind::Posts, &json!({"post_id": 1.5e30}));
    let lines = [
        line(Platform::Instagram, Kind::Posts, &json!({})).as_str(),
        "  ",
        "not json",
        "[1]",
        r#"{"url":"https://example.com/x","id":"1"}"#,
        r#"{"url":"https://www.tiktok.com/@x/video/1","comment_id":"7","post_id":"1"}"#,
        &no_id,
        &long_id,
        r#"{"error":"4XX page - dead page.","error_code":"dead_page","input":{"url":"https://www.instagram.com/p/gone/"}}"#,
        r#"{"error":null,"error_code":null,"warning":"look","url":"https://www.instagram.com/p/x","post_id":"2"}"#,
        "\r",
    ]
    .join("\n");
    let reading = Reading::of(heading(), lines.as_bytes());
    let reasons: Vec<_> = reading.unrecognised.iter().map(|record| record.reason).collect();
    assert_eq!(
        reasons,
        ["not_json", "not_an_object", "unknown_platform", "unknown_kind", "missing_id", "id_too_long"]
    );
    assert_eq!((reading.posts.len(), reading.errors.len()), (2, 1));
    assert_eq!(reading.counts, PartCounts { records: 9, errors: 1, warnings: 1, unrecognised: 6 });
    assert_eq!(reading.stored(), 2);
}

#[test]
fn a_corrupt_counter_is_null_and_told() {
    let changes =
        json!({"num_likes": 5.532_894_228_304_753e32, "num_comments": "50", "user_followers": null});
    let line = line(Platform::LinkedIn, Kind::Posts, &changes);
    let reading = Reading::of(heading(), line.as_bytes());
    let post = reading.posts.first().unwrap();
    assert_eq!((post.likes, post.comments, post.author_followers), (None, Some(50), None));
    assert_eq!(post.provenance.refused_fields, ["num_likes"]);
    assert_eq!(reading.counts.warnings, 1);
}

#[test]
fn either_name_of_an_authors_address_is_read() {
    let mut record: Value = serde_json::from_str(testing::record(Platform::LinkedIn, Kind::Posts)).unwrap();
    let url = record.as_object_mut().unwrap().remove("use_url").unwrap();
    record["user_url"] = url.clone();
    record["date_posted"] = json!("Fri Jan 09 2026 22:21:30 GMT+0000 (Coordinated Universal Time)");
    let line = record.to_string();
    let reading = Reading::of(heading(), line.as_bytes());
    let post = reading.posts.first().unwrap();
    assert_eq!(post.author_url.as_deref(), url.as_str());
    assert_eq!(post.posted_at, Some(datetime!(2026-01-09 22:21:30 UTC)));
}

#[test]
fn an_error_has_the_same_hash_however_its_input_is_spelled() {
    let lines = concat!(
        r#"{"error_code":"blocked","input":{"url":"https://x.example/1","n":1},"timestamp":"2026-01-15T08:00:00Z"}"#,
        "\n",
        r#"{"input": {"n": 1, "url": "https://x.example/1"}, "error_code": "crawl_failed"}"#,
        "\n",
        r#"{"error":"no input at all"}"#,
    );
    let reading = Reading::of(heading(), lines.as_bytes());
    let [first, second, third] = reading.errors.as_slice() else { panic!("three errors") };
    assert_eq!(first.input_hash, second.input_hash);
    assert_ne!(first.input_hash, third.input_hash);
    assert_eq!((third.error_code.as_str(), third.input_url.as_deref()), ("unknown", None));
}

#[test]
fn unknown_fields_are_counted_by_dataset() {
    let lines = [
        line(Platform::Instagram, Kind::Posts, &json!({"mood": "sunny"})),
        line(Platform::Instagram, Kind::Posts, &json!({"post_id": "2", "mood": "grey"})),
    ]
    .join("\n");
    let mut reading = Reading::of(heading(), lines.as_bytes());
    let drifts = reading.drifts(heading());
    let [drift] = drifts.as_slice() else { panic!("one difference: {drifts:?}") };
    assert_eq!((drift.dataset.as_str(), drift.path.as_str(), drift.records), ("instagram/posts", "mood", 2));
    assert_eq!((drift.change, drift.found), (Change::New, "string"));
}

#[test]
fn records_of_another_product_are_kept_as_they_are() {
    let line = line(Platform::Instagram, Kind::Posts, &json!({}));
    let reading = Reading::of(Heading { is_foreign: true, ..heading() }, line.as_bytes());
    assert_eq!(reading.unrecognised.first().unwrap().reason, "foreign_product");
    assert_eq!(reading.unrecognised.first().unwrap().raw, line.as_bytes());
}
