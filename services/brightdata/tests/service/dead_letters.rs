//! What can never be stored.

use contract::{
    brightdata::{DELIVERY, MALFORMED, TYPE_MALFORMED},
    code,
};
use serde_json::json;
use testkit::eventually;

use crate::given::{DEADLINE, SNAPSHOT, Service, envelope, part, post};

#[tokio::test]
async fn a_part_that_the_database_refuses_is_dead_and_its_neighbours_are_stored() {
    let service = Service::start().await;
    sqlx::query("alter table social_posts add constraint ck_test check (external_id <> '2')")
        .execute(&service.pool)
        .await
        .unwrap();
    for number in 1..=3 {
        service.part(number, &[post(number, 1, 0), post(10 + number, 1, 0)]).await;
    }
    service.settled(3).await;
    let dead =
        "select count(*) from webhook_events where status = 'dead_letter' and error_code = 'not_storable'
        and error_message ~ 'ck_test' and convert_from(body, 'UTF8') ~ '\"12\"'";
    assert_eq!(service.count(dead).await, 1);
    assert_eq!(service.count("select count(*) from social_posts").await, 4);
    assert_eq!(
        service.count("select parts from scrape_requests").await,
        2,
        "nothing of the dead one is left"
    );
    service.stop().await;
}

#[tokio::test]
async fn what_the_edge_refused_is_a_dead_letter_with_its_bytes() {
    let service = Service::start().await;
    let mut refused = envelope(TYPE_MALFORMED, SNAPSHOT, "bd:malformed".to_owned());
    refused.rejected = Some(code::MALFORMED);
    service.publish(MALFORMED, refused, "{\"cut".to_owned()).await;
    let strange = envelope("brightdata.something.new", SNAPSHOT, "bd:new".to_owned());
    service.publish(DELIVERY, strange, "{}".to_owned()).await;
    let mut expired = part(SNAPSHOT, 1, "");
    expired.extensions.insert("claim", "0".repeat(64));
    service.publish(DELIVERY, expired, String::new()).await;
    service.settled(3).await;
    let codes = service
        .json("select jsonb_agg(error_code order by stream_sequence) from webhook_events where status = 'dead_letter'")
        .await;
    assert_eq!(codes, json!(["malformed", "unexpected_shape", "claim_missing"]));
    service.stop().await;
}

#[tokio::test]
async fn bytes_that_no_column_can_hold_do_not_kill_a_part() {
    let service = Service::start().await;
    let mut post = post(1, 1, 0);
    post["description"] = "a\u{0}b".into();
    post["hashtags"] = json!(["#a\u{0}"]);
    post["post_content"] = json!([{"type":"Ph\u{0}oto","url":"https://cdn.example.com/\u{0}"}]);
    post["x\u{0}y"] = 1.into();
    let error = json!({"error_code":"x\u{0}","error":"y\u{0}","input":{"url":"\u{0}"},"warning":"\u{0}"});
    service.part(1, &[post, error, json!("\u{0}")]).await;
    service.settled(1).await;
    assert_eq!(service.account.dead(), 0);
    assert_eq!(service.count("select count(*) from social_posts where text = 'ab'").await, 1);
    assert_eq!(service.count("select count(*) from scrape_record_errors").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_claimed_record_that_is_damaged_dies_alone() {
    let service = Service::start().await;
    let objects = service.bus.jetstream().get_object_store(bus::claim::BUCKET).await.unwrap();
    let name = bus::claim::name_of(b"what was put");
    objects.put(name.as_str(), &mut &b"something else"[..]).await.unwrap();
    let mut claimed = part(SNAPSHOT, 2, "");
    claimed.extensions.insert("claim", name);
    service.part(1, &[post(1, 1, 0)]).await;
    service.publish(DELIVERY, claimed, String::new()).await;
    service.part(3, &[post(3, 1, 0)]).await;
    eventually("it is given up", DEADLINE, async || (service.account.dead() == 1).then_some(())).await;
    assert_eq!(service.count("select count(*) from social_posts").await, 2);
    let dead = "select attempts::bigint from webhook_events
        where status = 'dead_letter' and error_code = 'attempts_exhausted' and error_message ~ 'damaged'";
    assert_eq!(service.count(dead).await, 5, "it was read again, for the damage may have been on its way");
    service.stop().await;
}
