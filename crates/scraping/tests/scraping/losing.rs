//! Finding what never came.

use contract::EventId;
use scraping::Missing;
use simulators::Step;
use store::scrape_requests::{self, Notice, Observation};
use time::{Duration, OffsetDateTime};

use crate::{Given, NOW, Stream, id};

/// The notification that a job is ready arrives.
async fn ready(given: &Given, snapshot_id: &str, at: OffsetDateTime) {
    let notice = Notice::Status { word: "ready", error_code: None, error: None, records: None, errors: None };
    let observation = Observation {
        snapshot_id,
        event_id: EventId::generate(),
        seen_at: at,
        dataset_id: None,
        platform: None,
        kind: None,
        notice,
    };
    let mut connection = given.database.pool().acquire().await.unwrap();
    scrape_requests::observe(&mut connection, &[observation], at).await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_ready_without_data_is_lost_after_a_while() {
    let given = Given::new(|_| {}).await;
    let triggered = given.triggered().await;
    ready(&given, id(&triggered).as_str(), NOW).await;
    assert!(given.scraping.lost(NOW + Duration::minutes(9)).await.unwrap().is_empty());
    let lost = given.scraping.lost(NOW + Duration::minutes(11)).await.unwrap();
    assert_eq!((lost.len(), &lost[0].missing, lost[0].has_data()), (1, &Missing::Data, true));
    assert_eq!(&lost[0].snapshot_id, id(&triggered));
}

#[tokio::test]
async fn a_job_whose_last_word_never_came_is_asked_about_and_told() {
    let given = Given::new(|bright| bright.notify = false).await;
    let (running, ended) = (given.triggered().await, given.triggered().await);
    given.bright.fail(id(&ended).as_str()).await;
    let lost = given.scraping.lost(NOW + Duration::minutes(11)).await.unwrap();
    assert_eq!(lost.len(), 1, "{running:?} is at work");
    assert_eq!(&lost[0].snapshot_id, id(&ended));
    let Missing::Word { progress } = &lost[0].missing else { panic!("{lost:?}") };
    assert_eq!((progress.status.as_str(), lost[0].has_data()), ("failed", false));

    let stream = Stream::new().await;
    given.scraping.tell(&lost[0], &stream.channel, NOW).await.unwrap();
    let message = stream.message(1).await;
    assert_eq!(message.subject.as_str(), "ingest.brightdata.notify");
    let key = message.headers.get("Nats-Msg-Id").unwrap().as_str();
    assert_eq!(key, format!("bdn:{}:failed", id(&ended)));
}

#[tokio::test]
async fn a_job_that_bright_data_refuses_to_speak_of_does_not_hide_the_others() {
    let given = Given::new(|bright| bright.notify = false).await;
    let (strange, ended) = (given.triggered().await, given.triggered().await);
    given.bright.fail(id(&ended).as_str()).await;
    for answer in [Step::Status(400, "not yours"), Step::Status(404, "?"), Step::Status(200, "")] {
        given.bright.script.then([answer.clone()]);
        let lost = given.scraping.lost(NOW + Duration::minutes(11)).await.unwrap();
        let found: Vec<_> = lost.iter().map(|lost| &lost.snapshot_id).collect();
        assert_eq!(found, [id(&ended)], "{strange:?} is strange: {answer:?}");
    }
}

#[tokio::test]
async fn what_bright_data_no_longer_keeps_does_not_crowd_out_what_can_be_fetched() {
    let given = Given::new(|_| {}).await;
    let triggered = given.triggered().await;
    ready(&given, id(&triggered).as_str(), NOW).await;
    assert_eq!(given.scraping.lost(NOW + Duration::days(15)).await.unwrap().len(), 1);
    assert!(given.scraping.lost(NOW + Duration::days(17)).await.unwrap().is_empty());

    let given = Given::new(|bright| bright.notify = false).await;
    let ended = given.triggered().await;
    given.bright.fail(id(&ended).as_str()).await;
    let asked = given.bright.script.requests().len();
    assert!(given.scraping.lost(NOW + Duration::days(17)).await.unwrap().is_empty());
    assert_eq!(given.bright.script.requests().len(), asked);
}

#[tokio::test]
async fn a_snapshot_without_records_is_not_lost_for_ever() {
    let given = Given::new(|bright| (bright.deliver, bright.records_per_input) = (false, 0)).await;
    let triggered = given.triggered().await;
    given.bright.finish(id(&triggered).as_str()).await;
    let stream = Stream::new().await;
    // Ready, with no record, and refused: there is nothing to download.
    given.bright.script.then([Step::Status(400, "Snapshot is empty")]);
    let fetched = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap().unwrap();
    assert_eq!((fetched.records, fetched.new), (0, 1));
    let message = stream.message(1).await;
    assert_eq!(message.headers.get("ce-type").unwrap().as_str(), "brightdata.delivery.empty");
}
