//! Starting jobs.

use contract::EventId;
use scraping::Error;
use serde_json::json;
use simulators::Step;
use store::scrape_requests::{self, New, Notice, Observation, Origin, Status};
use uuid::Uuid;

use crate::{Given, KEY, NOW, TOKEN, id, job};

#[tokio::test]
async fn a_triggered_jobs_data_and_last_word_come_to_the_edge_with_what_it_is_about() {
    let given = Given::new(|_| {}).await;
    let triggered = given.triggered().await;
    let row = given.rows().await.remove(0);
    assert_eq!((row.id, row.snapshot_id.as_deref()), (triggered.id, Some(id(&triggered).as_str())));
    assert_eq!((row.origin, row.status), (Origin::Triggered, Status::Pending));
    assert_eq!((row.platform.as_deref(), row.kind.as_deref()), (Some("instagram"), Some("posts")));

    given.bright.finish(id(&triggered).as_str()).await;
    let came = given.edge.requests();
    let paths: Vec<_> = came.iter().map(|request| (request.path.as_str(), request.query.as_str())).collect();
    assert_eq!(
        paths,
        [("/api/brightdata/webhook/", "platform=instagram&kind=posts"), ("/api/brightdata/notify/", "")]
    );
    assert!(came.iter().all(|request| request.headers["authorization"] == format!("Bearer {TOKEN}")));
}

#[tokio::test]
async fn what_is_stored_of_a_job_has_no_secret() {
    let given = Given::new(|_| {}).await;
    given.triggered().await;
    let row: String = sqlx::query_scalar("select row_to_json(it)::text from scrape_requests it")
        .fetch_one(given.database.pool())
        .await
        .unwrap();
    assert!(row.contains("instagram.com/p/DAbCdEfGhIj") && row.contains("include_errors"), "{row}");
    assert!(!row.contains(TOKEN) && !row.contains(KEY), "{row}");
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_noted_and_not_repeated() {
    let given = Given::new(|_| {}).await;
    given.bright.script.then([Step::Hang]);
    let inputs = [json!({ "url": "https://www.instagram.com/p/DAbCdEfGhIj/" })];
    let error = given.scraping.trigger(&job(&inputs), NOW).await.unwrap_err();
    assert!(matches!(error, Error::Api(_)), "{error:?}");
    let row = given.rows().await.remove(0);
    assert_eq!((row.status, row.error_code.as_deref()), (Status::Pending, Some("answer_lost")));
    assert_eq!(given.bright.script.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_job_is_failed_with_bright_datas_reason() {
    let given = Given::new(|_| {}).await;
    given.scraping.trigger(&job(&[json!({ "uri": 1 })]), NOW).await.unwrap_err();
    let row = given.rows().await.remove(0);
    assert_eq!((row.status, row.error_code.as_deref()), (Status::Failed, Some("validation_error")));
    assert!(row.error_message.unwrap().contains("Required field"));
    assert_eq!(row.finished_at, Some(NOW));
}

#[tokio::test]
async fn a_job_that_was_heard_of_before_its_trigger_was_answered_is_one_job() {
    let given = Given::new(|_| {}).await;
    let mut connection = given.database.pool().acquire().await.unwrap();
    let (inputs, parameters) = (json!([]), json!({}));
    let new = New {
        id: Uuid::now_v7(),
        dataset_id: "gd_x",
        platform: Some("tiktok"),
        kind: None,
        notify_expected: true,
        inputs: &inputs,
        parameters: &parameters,
    };
    scrape_requests::insert(&mut connection, &new, NOW).await.unwrap();
    let notice =
        Notice::Status { word: "ready", error_code: None, error: None, records: Some(7), errors: None };
    let observation = Observation {
        snapshot_id: "s_1",
        event_id: EventId::generate(),
        seen_at: NOW,
        dataset_id: None,
        platform: None,
        kind: Some("videos"),
        notice,
    };
    scrape_requests::observe(&mut connection, &[observation], NOW).await.unwrap();
    scrape_requests::answered(&mut connection, new.id, "s_1", NOW).await.unwrap();
    // A repeat of it changes nothing.
    scrape_requests::answered(&mut connection, new.id, "s_1", NOW).await.unwrap();

    let rows = given.rows().await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.id, row.origin, row.status), (new.id, Origin::Triggered, Status::Completed));
    assert_eq!((row.platform.as_deref(), row.kind.as_deref()), (Some("tiktok"), Some("videos")));
    assert_eq!((row.dataset_id.as_deref(), row.records_announced), (Some("gd_x"), Some(7)));
}

#[tokio::test]
async fn a_delivery_is_asked_for_once_more() {
    let given = Given::new(|bright| bright.deliver = false).await;
    let triggered = given.triggered().await;
    given.bright.finish(id(&triggered).as_str()).await;
    given.scraping.redeliver(id(&triggered)).await.unwrap();
    testkit::eventually("the data is delivered", std::time::Duration::from_secs(5), async || {
        let came = given.edge.requests();
        came.iter().any(|request| request.query == "platform=instagram&kind=posts").then_some(())
    })
    .await;
}
