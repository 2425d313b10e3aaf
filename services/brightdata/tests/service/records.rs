//! What a record becomes.

use bytes::Bytes;
use contract::brightdata::{DELIVERY, FORMAT_CSV, TYPE_FOREIGN};
use results::v1::DeliveryProcessed;
use serde_json::{Value, json};

use crate::given::{SNAPSHOT, Service, example, ndjson, part, post};

/// Columns of the row that each example becomes.
fn expected() -> Vec<(&'static str, Value)> {
    vec![
        (
            "facebook-posts",
            json!({"platform":"facebook","kind":"posts","external_id":"122100000000000001","author":"Acme Example",
                "author_id":"100050000000001","author_url":"https://www.facebook.com/acmeexample",
                "text":"Opening hours change on Monday.","posted_at":"2026-01-12T17:10:31+00:00","likes":316,
                "comments":55,"shares":16,"views":null,"hashtags":["acme"],"content_type":"Post",
                "reactions":[{"type":"Like","count":265},{"type":"Love","count":51}],
                "media":[{"type":"photo","url":"https://cdn.example.com/p.jpg"}],
                "collected_at":"2026-01-15T14:48:21.565+00:00"}),
        ),
        (
            "facebook-reels",
            json!({"platform":"facebook","kind":"reels","external_id":"122100000000000009","views":4021,
                "duration_seconds":15.033,"content_type":"Reel",
                "media":[{"type":"video","url":"https://cdn.example.com/v9.mp4"}]}),
        ),
        (
            "facebook-comments",
            json!({"platform":"facebook","external_id":"Y29tbWVudDoxMjIxMDAwMDAwMDAwMDAwMDFfOTAw",
                "post_id":"122100000000000001","author":"Maria Exemplo","text":"Obrigada!","likes":2,"replies":0,
                "is_reply":false,"parent_id":null,"posted_at":"2026-01-12T18:00:00+00:00"}),
        ),
        (
            "facebook-pages",
            json!({"platform":"facebook","kind":"pages","external_id":"100050000000001","username":"acmeexample",
                "name":"Acme Example","followers":12034,"website":"acme.example","location":"1 Sample St, Springfield",
                "emails":["hello@acme.example"],"phones":["+1 555 0100"],"rating":4.5,"is_verified":true}),
        ),
        (
            "instagram-posts",
            json!({"platform":"instagram","kind":"posts","external_id":"3500000000000000001","author":"acme.example",
                "author_id":"50000000001","shortcode":"DAbCdEfGhIj","text":"New year. #acme","likes":312,"comments":8,
                "shares":null,"views":null,"location":"Sao Paulo","content_type":"Carousel","author_followers":5120,
                "hashtags":["#acme"],"media":[{"type":"photo","url":"https://cdn.example.com/1.jpg"}]}),
        ),
        (
            "instagram-reels",
            json!({"platform":"instagram","kind":"reels","external_id":"3500000000000000100_50000000001",
                "views":40211,"likes":902,"comments":14,"duration_seconds":15.033,
                "media":[{"type":"video","url":"https://cdn.example.com/r.mp4"}]}),
        ),
        (
            "instagram-stories",
            json!({"platform":"instagram","kind":"stories","external_id":"3500000000000000200","likes":null,
                "content_type":"Story","media":[{"type":"photo","url":"https://cdn.example.com/s.jpg"}]}),
        ),
        (
            "instagram-comments",
            json!({"platform":"instagram","external_id":"17900000000000001","author":"fan.one","text":"Lindo!",
                "post_author":"acme.example","post_id":"3500000000000000001_50000000001","likes":1,"replies":0}),
        ),
        (
            "linkedin-posts",
            json!({"platform":"linkedin","kind":"posts","external_id":"7270000000000000001","author":"ana-exemplo-1",
                "author_url":"https://www.linkedin.com/in/ana-exemplo-1","text":"We are hiring.","likes":95,
                "comments":50,"shares":null,"author_followers":718,
                "media":[{"type":"photo","url":"https://media.example.com/1"}]}),
        ),
        (
            "linkedin-companies",
            json!({"platform":"linkedin","kind":"companies","external_id":"1000001","username":"acme-example",
                "name":"Acme Example","followers":1557,"employees":254,"company_size":"201-500 employees",
                "founded":2015,"country":"BR","category":"Software Development","website":"https://acme.example"}),
        ),
        (
            "tiktok-videos",
            json!({"platform":"tiktok","kind":"videos","external_id":"7400000000000000001","author":"acme.example",
                "likes":1200,"shares":35,"saves":80,"comments":41,"views":90210,"duration_seconds":17,
                "posted_at":"2026-01-08T20:00:00+00:00","media":[{"type":"video","url":"https://cdn.example.com/v.mp4"}]}),
        ),
        (
            "tiktok-profiles",
            json!({"platform":"tiktok","kind":"profiles","external_id":"6800000000000000001",
                "username":"acme.example","name":"Acme","followers":8800,"likes":120_034,"posts_count":77,
                "engagement_rate":0.041,"country":"BR","profile_created_at":"2020-01-01T00:00:00+00:00"}),
        ),
    ]
}

#[tokio::test]
async fn every_record_of_the_reference_becomes_its_row() {
    let service = Service::start().await;
    let cases = expected();
    for (number, (sort, _)) in (1..).zip(&cases) {
        let body = ndjson(&[example(sort)]);
        let mut envelope = part(SNAPSHOT, number, &body);
        let (platform, kind) = sort.split_once('-').unwrap();
        envelope.extensions.insert("platform", platform.to_owned());
        envelope.extensions.insert("kind", kind.to_owned());
        service.publish(DELIVERY, envelope, body).await;
    }
    service.settled(12).await;
    let rows = service
        .json(
            "select jsonb_agg(fields) from (
                select to_jsonb(r) || jsonb_build_object('payload', r.payload) as fields from social_posts r
                union all select to_jsonb(r) || jsonb_build_object('payload', r.payload) from social_comments r
                union all select to_jsonb(r) || jsonb_build_object('payload', r.payload) from social_profiles r) rows",
        )
        .await;
    assert_eq!(rows.as_array().unwrap().len(), 12);
    for (sort, columns) in &cases {
        let key = |row: &Value| ["platform", "external_id", "kind"].map(|name| row[name].clone());
        let row = rows.as_array().unwrap().iter().find(|row| key(row) == key(columns));
        let row = row.unwrap_or_else(|| panic!("no row of {sort}"));
        for (name, value) in columns.as_object().unwrap() {
            assert_eq!(&row[name], value, "{sort}.{name}");
        }
        assert_eq!(row["payload"], example(sort), "{sort}: the record is kept whole");
        assert_eq!((&row["snapshot_id"], &row["refused_fields"]), (&SNAPSHOT.into(), &Value::Null), "{sort}");
    }
    assert_eq!(service.count("select count(*) from schema_drift").await, 0);
    let told = service.results::<DeliveryProcessed>().await;
    assert_eq!(told.len(), 12);
    assert!(told.iter().all(|told| told.counts.unwrap().stored == 1));
    service.stop().await;
}

#[tokio::test]
async fn records_of_a_part_go_where_they_belong_and_the_result_counts_them() {
    let service = Service::start().await;
    let records = [
        post(1, 10, 0),
        json!({"error":"4XX page - dead page.","error_code":"dead_page","input":{"url":"https://www.instagram.com/p/gone/"},
            "timestamp":"2026-01-15T08:00:03.002Z"}),
        json!({"error":"4XX page - dead page.","error_code":"dead_page","input":{"url":"https://www.instagram.com/p/gone/"},
            "timestamp":"2026-01-15T08:00:04.002Z"}),
        json!({"url":"https://example.com/","id":"1"}),
        {
            let mut post = post(2, 5, 0);
            post["warning"] = "look".into();
            post["mood"] = "a\u{0}b".into();
            post
        },
    ];
    service.part(1, &records).await;
    service.settled(1).await;
    assert_eq!(service.count("select count(*) from social_posts").await, 2);
    let error = "select count(*) from scrape_record_errors where error_code = 'dead_page' and is_permanent
        and input_url = 'https://www.instagram.com/p/gone/' and collected_at = '2026-01-15T08:00:04.002Z'";
    assert_eq!(service.count(error).await, 1, "one error for each input");
    let kept = "select count(*) from unrecognised_records u where reason = 'unknown_platform' and u.payload->>'id' = '1'";
    assert_eq!(service.count(kept).await, 1);
    let drift = "select records from schema_drift
        where (dataset, path, change, found) = ('instagram/posts', 'mood', 'new', 'string')";
    assert_eq!(service.count(drift).await, 1);
    assert_eq!(service.count("select count(*) from social_posts where warning = 'look'").await, 1);

    let told = service.results::<DeliveryProcessed>().await;
    let [told] = told.as_slice() else { panic!("one result: {told:?}") };
    let counts = told.counts.unwrap();
    assert_eq!(
        (counts.records, counts.stored, counts.errors, counts.unrecognised, counts.warnings),
        (5, 2, 2, 1, 1)
    );
    assert_eq!((told.snapshot_id.as_str(), told.part), (SNAPSHOT, 1));
    assert_eq!((told.platform.as_str(), told.kind.as_str()), ("instagram", ""), "not all are posts for sure");
    service.stop().await;
}

#[tokio::test]
async fn a_dataset_says_what_its_records_are_when_nothing_else_does() {
    let service = Service::start().await;
    sqlx::query(
        "insert into scrape_requests (id, snapshot_id, dataset_id, origin, status, requested_at, updated_at)
         values (gen_random_uuid(), $1, 'gd_lyclm3ey2q6rww027t', 'triggered', 'pending', now(), now())",
    )
    .bind(SNAPSHOT)
    .execute(&service.pool)
    .await
    .unwrap();
    let mut reel = example("facebook-reels");
    reel["mood"] = 3.into();
    service.part(1, &[reel]).await;
    service.settled(1).await;
    assert_eq!(service.count("select count(*) from social_posts where kind = 'reels'").await, 1);
    let drift = "select count(*) from schema_drift where dataset = 'gd_lyclm3ey2q6rww027t' and path = 'mood'";
    assert_eq!(service.count(drift).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn rows_of_csv_are_records_too() {
    let service = Service::start().await;
    let body = "post_id,url,user_posted,likes,hashtags,timestamp\n\
        77,https://www.instagram.com/p/x/,acme,312,\"[\"\"#a\"\"]\",2026-01-15T15:00:00.000Z\n";
    let mut envelope = part(SNAPSHOT, 1, body);
    envelope.extensions.insert("format", FORMAT_CSV.to_owned());
    service.publish(DELIVERY, envelope, body.to_owned()).await;
    service.settled(1).await;
    let row = "select count(*) from social_posts where external_id = '77' and likes = 312 and hashtags = '[\"#a\"]'";
    assert_eq!(service.count(row).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn what_another_product_sends_is_kept_and_not_read() {
    let service = Service::start().await;
    let body = ndjson(&[post(1, 1, 0)]);
    let mut envelope = part(SNAPSHOT, 1, &body);
    TYPE_FOREIGN.clone_into(&mut envelope.event_type);
    service.publish(DELIVERY, envelope, body).await;
    service.settled(1).await;
    assert_eq!(service.count("select count(*) from social_posts").await, 0);
    let kept = "select count(*) from unrecognised_records where reason = 'foreign_product'";
    assert_eq!(service.count(kept).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_record_that_is_too_large_for_a_message_is_fetched() {
    let service = Service::start().await;
    let mut large = post(1, 7, 0);
    large["description"] = "x".repeat(2_000_000).into();
    let body = Bytes::from(large.to_string());
    let claim = bus::claim::Claims::new(&service.bus, &service.broker.config()).put(&body).await.unwrap();
    let mut envelope = part(SNAPSHOT, 1, "");
    envelope.extensions.insert("claim", claim);
    service.publish(DELIVERY, envelope, String::new()).await;
    service.settled(1).await;
    let row = "select count(*) from social_posts where likes = 7 and length(text) = 2000000";
    assert_eq!(service.count(row).await, 1);
    service.stop().await;
}
