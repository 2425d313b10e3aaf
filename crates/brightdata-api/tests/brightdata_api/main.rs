//! Calls against an API of our own.
#![cfg(test)]

use brightdata_api::{BrightDataApi, Error, Format, Snapshot, SnapshotId, Trigger};
use config::Secret;
use contract::brightdata::JobStatus;
use serde_json::{Value, json};
use simulators::{Server, Step, brightdata};

const KEY: &str = "key-of-the-test-0123456789";
const POSTS: &str = "gd_lk5ns7kz21pck8jpis";

/// Bright Data, and us calling it.
struct Given {
    bright: brightdata::BrightDataApi,
    _server: Server,
    api: BrightDataApi,
}

async fn given(change: impl FnOnce(&mut brightdata::BrightDataApi, &mut config::Settings)) -> Given {
    let mut bright = brightdata::BrightDataApi::new(KEY);
    let mut settings = config::Settings::for_tests();
    settings.brightdata.api.key = Some(Secret::from(KEY));
    settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    settings.outbound.retry_base_ms = 5;
    settings.outbound.timeout_ms = 300;
    settings.outbound.idle_timeout_ms = 300;
    change(&mut bright, &mut settings);
    let server = bright.start().await.unwrap();
    settings.brightdata.api.base_url = server.url();
    let api = BrightDataApi::new(&settings.brightdata.api, &settings.outbound).unwrap();
    Given { bright, _server: server, api }
}

fn trigger(inputs: &[Value]) -> Trigger<'_> {
    Trigger {
        dataset_id: POSTS,
        inputs,
        endpoint: None,
        notify: None,
        token: None,
        format: Format::Json,
        uncompressed: true,
        include_errors: true,
        discover_by: None,
        limit_per_input: None,
        limit_multiple_results: None,
    }
}

fn inputs() -> Vec<Value> {
    vec![json!({ "url": "https://www.instagram.com/p/DAbCdEfGhIj/" })]
}

async fn whole(snapshot: Snapshot) -> Vec<u8> {
    let Snapshot::Ready(mut body) = snapshot else { panic!("it is not ready") };
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

#[tokio::test]
async fn a_job_is_triggered_followed_and_downloaded() {
    let Given { bright, api, .. } = &given(|_, _| {}).await;
    let token = Secret::from("token-of-the-webhook");
    let endpoint = "https://hooks.example.com/api/brightdata/webhook/?platform=instagram&kind=posts";
    let inputs = inputs();
    let job = Trigger { endpoint: Some(endpoint), token: Some(&token), ..trigger(&inputs) };
    assert!(!format!("{:?}", job.parameters()).contains("token-of"), "what is stored has no secret");
    let id = api.trigger(&job).await.unwrap();
    let request = &bright.script.requests()[0];
    assert!(request.query.contains("auth_header=Bearer+token-of-the-webhook"), "{}", request.query);
    assert!(request.query.contains("kind%3Dposts&"), "{}", request.query);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&request.body).unwrap(), inputs);

    assert!(matches!(api.parts(&id, 1000).await, Err(Error::NotReady(_))));
    let bright_id = bright.jobs()[0].clone();
    assert_eq!(id.as_str(), bright_id);
    let progress = api.progress(&id).await.unwrap();
    assert_eq!(
        (progress.job_status(), progress.record_count(), progress.error_count()),
        (Some(JobStatus::Completed), Some(3), Some(0))
    );
    assert_eq!(api.parts(&id, 1000).await.unwrap(), 1);
    let records: Vec<Value> =
        serde_json::from_slice(&whole(api.snapshot(&id, Format::Json).await.unwrap()).await).unwrap();
    assert_eq!(records.len(), 3);
    let lines = whole(api.snapshot(&id, Format::Ndjson).await.unwrap()).await;
    assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_snapshot_that_is_not_ready_is_no_error_by_either_of_its_words() {
    let Given { bright, api, .. } = &given(|bright, _| bright.polls = 9).await;
    let id = api.trigger(&trigger(&inputs())).await.unwrap();
    assert!(matches!(api.snapshot(&id, Format::Json).await, Ok(Snapshot::NotReady)));
    bright.script.then([Step::Status(409, "not ready")]);
    assert!(matches!(api.snapshot(&id, Format::Json).await, Ok(Snapshot::NotReady)));

    let unknown: SnapshotId = "s_unknown".parse().unwrap();
    assert!(matches!(api.snapshot(&unknown, Format::Json).await, Err(Error::Unknown(_))));
    api.cancel(&id).await.unwrap();
    let error = api.snapshot(&id, Format::Json).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { message, .. } if message == "Snapshot is empty"), "{error:?}");
    assert!(matches!(api.cancel(&id).await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn every_refusal_of_a_trigger_is_told_in_its_words() {
    let Given { api, .. } = &given(|_, _| {}).await;
    let told = async |job: Trigger<'_>| api.trigger(&job).await.unwrap_err().to_string();
    let good = inputs();
    assert!(
        told(Trigger { dataset_id: "gd_none", ..trigger(&good) }).await.contains("dataset does not exist")
    );
    assert!(told(trigger(&[])).await.contains("No data to trigger"));
    let error = told(trigger(&[json!({ "uri": 1 })])).await;
    assert!(error.contains("validation_error") && error.contains(r#"["url","Required field"]"#), "{error}");

    let Given { api, .. } =
        &given(|_, settings| settings.brightdata.api.key = Some(Secret::from("wrong"))).await;
    let error = api.trigger(&trigger(&good)).await.unwrap_err();
    assert!(matches!(&error, Error::Unauthorized(text) if text == "Invalid credentials"), "{error:?}");
    let Given { api, .. } = &given(|_, settings| settings.brightdata.api.key = None).await;
    assert!(matches!(api.trigger(&trigger(&good)).await, Err(Error::NoKey)));
}

#[tokio::test]
async fn too_many_running_jobs_are_a_limit() {
    let Given { bright, api, .. } = &given(|bright, _| bright.running_max = 0).await;
    let error = api.trigger(&trigger(&inputs())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Limited { message, .. } if message.contains("Running jobs: 0>=0")),
        "{error:?}"
    );
    assert!(error.may_pass());
    assert_eq!(bright.script.requests().len(), 4, "as often as outbound.attempts_max allows");

    bright.script.then([Step::RetryAfter(429, "600")]);
    let error = api.trigger(&trigger(&inputs())).await.unwrap_err();
    assert!(matches!(error, Error::Limited { after: Some(_), .. }), "{error:?}");
    assert_eq!(bright.script.requests().len(), 5, "it was not asked again before that");
}

#[tokio::test]
async fn a_trigger_whose_answer_was_lost_is_not_repeated() {
    let Given { bright, api, .. } = &given(|_, _| {}).await;
    for step in [Step::Hang, Step::BreakOff(100)] {
        bright.script.then([step]);
        let error = api.trigger(&trigger(&inputs())).await.unwrap_err();
        assert!(error.is_uncertain(), "{error:?}");
    }
    assert_eq!(bright.script.requests().len(), 2);

    bright.script.then([Step::Status(500, "")]);
    api.trigger(&trigger(&inputs())).await.unwrap();
    assert_eq!(bright.jobs().len(), 1, "a 500 says that there is no job");
}

#[tokio::test]
async fn a_delivery_can_be_asked_for_once_more() {
    let Given { bright, api, .. } = &given(|_, _| {}).await;
    let id = api.trigger(&trigger(&inputs())).await.unwrap();
    assert!(matches!(api.deliver(&id, "http://127.0.0.1:1/", None).await, Err(Error::NotReady(_))));
    bright.finish(id.as_str()).await;
    let delivery = api.deliver(&id, "http://127.0.0.1:1/", Some("http://127.0.0.1:1/n")).await.unwrap();
    assert_eq!(api.delivery(&delivery).await.unwrap().status, "done");
}

#[tokio::test]
async fn a_download_that_breaks_off_is_an_error() {
    let Given { bright, api, .. } = &given(|bright, _| bright.polls = 0).await;
    let id = api.trigger(&trigger(&inputs())).await.unwrap();
    bright.script.then([Step::Stall]);
    let Snapshot::Ready(mut body) = api.snapshot(&id, Format::Json).await.unwrap() else {
        panic!("it is ready")
    };
    let error = loop {
        match body.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it is not whole"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, outbound::Error::Timeout(_)), "{error:?}");
}
