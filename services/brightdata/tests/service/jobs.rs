//! Jobs, as notifications and data tell of them.

use contract::brightdata::{NOTIFY, TYPE_NOTIFY, TYPE_REFERENCE, TYPE_TEST};
use results::v1::{DeliveryProcessed, ScrapeRequestChanged, ScrapeStatus};
use serde_json::{Value, json};

use crate::given::{SNAPSHOT, Service, envelope, post};

const JOB: &str = "select to_jsonb(r) from scrape_requests r";

#[tokio::test]
async fn a_job_ends_up_the_same_in_every_order() {
    let running = r#"{"snapshot_id":"s_m4x7enmven8djfqak","status":"running"}"#;
    let ready = r#"{"snapshot_id":"s_m4x7enmven8djfqak","status":"ready","records":2,"dataset_id":"gd_lk5ns7kz21pck8jpis"}"#;
    for order in ["RNP", "PNR", "NPR", "NRP", "PRN", "RPN"] {
        let service = Service::start().await;
        for (number, step) in (1..).zip(order.chars()) {
            match step {
                'R' => service.notify(running).await,
                'N' => service.notify(ready).await,
                _ => service.part(1, &[post(1, 1, 0), post(2, 2, 0)]).await,
            };
            service.settled(number).await;
        }
        let job = service.json(JOB).await;
        let fields =
            ["status", "provider_status", "origin", "parts", "records", "records_announced", "dataset_id"];
        let expected = json!(["completed", "ready", "unmatched", 1, 2, 2, "gd_lk5ns7kz21pck8jpis"]);
        assert_eq!(fields.map(|name| job[name].clone()).into_iter().collect::<Value>(), expected, "{order}");
        assert_ne!(job["data_first_at"], Value::Null);

        let told = service.results::<ScrapeRequestChanged>().await;
        let last = told.last().unwrap();
        assert_eq!(
            (told[0].previous_status(), last.status()),
            (ScrapeStatus::Unspecified, ScrapeStatus::Completed)
        );
        assert!(told.windows(2).all(|pair| pair[1].previous_status() == pair[0].status()), "{told:?}");
        service.stop().await;
    }
}

#[tokio::test]
async fn every_word_is_understood_and_an_unknown_one_is_kept() {
    let service = Service::start().await;
    for (number, (word, status)) in (1..).zip([
        ("scheduled", "processing"),
        ("collecting", "processing"),
        ("digesting", "processing"),
        ("reticulating", "processing"),
        ("cancelled", "cancelled"),
        ("failed", "failed"),
        ("building", "failed"),
        ("done", "completed"),
        ("canceled", "completed"),
    ]) {
        service.notify(&json!({"snapshot_id": SNAPSHOT, "status": word, "error": "why"}).to_string()).await;
        service.settled(number).await;
        let job = service.json(JOB).await;
        assert_eq!(job["status"], status, "{word}");
        if word == "reticulating" {
            assert_eq!(job["provider_status"], word);
        }
    }
    assert_eq!(service.json(JOB).await["error_message"], "why");
    service.stop().await;
}

#[tokio::test]
async fn a_job_without_results_has_data_all_the_same() {
    let service = Service::start().await;
    service.empty().await;
    service.settled(1).await;
    let job = service.json(JOB).await;
    assert_eq!(
        (&job["parts"], &job["records"], &job["status"]),
        (&1.into(), &0.into(), &"processing".into())
    );
    assert_ne!(job["data_first_at"], Value::Null);
    let told = service.results::<DeliveryProcessed>().await;
    assert_eq!((told.len(), told[0].part), (1, 0));
    service.stop().await;
}

#[tokio::test]
async fn a_job_of_which_no_notification_was_asked_for_is_completed_by_its_data() {
    let service = Service::start().await;
    sqlx::query(
        "insert into scrape_requests (id, snapshot_id, origin, status, notify_expected, requested_at, updated_at)
         values (gen_random_uuid(), $1, 'triggered', 'pending', false, now(), now())",
    )
    .bind(SNAPSHOT)
    .execute(&service.pool)
    .await
    .unwrap();
    service.part(1, &[post(1, 1, 0)]).await;
    service.settled(1).await;
    let job = service.json(JOB).await;
    assert_eq!(
        (&job["status"], &job["kind"], &job["platform"]),
        (&"completed".into(), &"posts".into(), &"instagram".into())
    );
    let told = service.results::<ScrapeRequestChanged>().await;
    assert_eq!((told[0].previous_status(), told[0].triggered), (ScrapeStatus::Pending, true));
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_job_changes_no_job() {
    let service = Service::start().await;
    let test = envelope(TYPE_TEST, SNAPSHOT, "test:1".to_owned());
    service.publish("test", test, r#"{"test":true,"platform":"facebook"}"#.to_owned()).await;
    let mut nameless = envelope(TYPE_NOTIFY, SNAPSHOT, "bdn:unmatched:x".to_owned());
    nameless.subject = None;
    service.publish(NOTIFY, nameless, r#"{"status":"ready"}"#.to_owned()).await;
    service.settled(2).await;
    assert_eq!(service.count("select count(*) from scrape_requests").await, 0);
    assert_eq!(service.count("select count(*) from webhook_events where status = 'completed'").await, 2);
    service.stop().await;
}

#[tokio::test]
async fn a_body_that_says_where_the_records_are_makes_the_job_ready() {
    let service = Service::start().await;
    let reference = envelope(TYPE_REFERENCE, SNAPSHOT, "bd:reference".to_owned());
    let body =
        r#"{"snapshot_id":"s_m4x7enmven8djfqak","status":"ready","result_url":"https://example.com/x"}"#;
    service.publish("reference", reference, body.to_owned()).await;
    service.settled(1).await;
    let job = service.json(JOB).await;
    assert_eq!((&job["status"], &job["data_first_at"]), (&"completed".into(), &Value::Null), "found as lost");
    service.stop().await;
}
