//! Bringing in what never came.

use contract::brightdata::part_key;
use scraping::{Error, Fetched};
use serde_json::{Value, json};
use simulators::Step;

use crate::{Given, NOW, Stream, id, job};

#[tokio::test]
async fn a_lost_delivery_is_fetched_and_what_had_arrived_is_not_doubled() {
    let given = Given::new(|bright| bright.records_per_input = 1_200).await;
    let triggered = given.triggered().await;
    given.bright.finish(id(&triggered).as_str()).await;

    let all = Stream::new().await;
    let fetched = given.scraping.fetch(id(&triggered), &all.channel, NOW).await.unwrap().unwrap();
    assert!(fetched.records == 1_200 && fetched.new >= 3 && fetched.duplicates == 0, "{fetched:?}");
    let again = given.scraping.fetch(id(&triggered), &all.channel, NOW).await.unwrap().unwrap();
    assert_eq!((again.new, again.duplicates), (0, fetched.new));

    let first = all.message(1).await;
    let header = |name| first.headers.get(name).unwrap().as_str().to_owned();
    assert_eq!(first.subject.as_str(), "ingest.brightdata.delivery");
    assert_eq!(header("Nats-Msg-Id"), part_key(Some(id(&triggered).as_str()), 1, &first.payload));
    assert_eq!(
        [header("ce-type"), header("ce-subject")],
        ["brightdata.delivery.part", id(&triggered).as_str()]
    );
    assert_eq!(
        ["ce-platform", "ce-kind", "ce-part", "ce-format"].map(header),
        ["instagram", "posts", "1", "ndjson"]
    );
    for line in std::str::from_utf8(&first.payload).unwrap().lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object());
    }

    // Another stream, which had the first part only.
    let some = Stream::new().await;
    let jetstream = some.bus.jetstream();
    jetstream.publish_with_headers(first.subject, first.headers, first.payload).await.unwrap().await.unwrap();
    let completed = given.scraping.fetch(id(&triggered), &some.channel, NOW).await.unwrap().unwrap();
    assert_eq!((completed.new, completed.duplicates), (fetched.new - 1, 1));
}

#[tokio::test]
async fn what_is_not_ready_is_no_failure_and_publishes_nothing() {
    let given = Given::new(|bright| bright.polls = 5).await;
    let (triggered, stream) = (given.triggered().await, Stream::new().await);
    assert_eq!(given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_that_found_nothing_is_news_too() {
    let given = Given::new(|bright| bright.records_per_input = 0).await;
    let (triggered, stream) = (given.triggered().await, Stream::new().await);
    given.bright.finish(id(&triggered).as_str()).await;
    let fetched = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap().unwrap();
    assert_eq!(fetched, Fetched { new: 1, ..Fetched::default() });
    assert_eq!(stream.message(1).await.headers.get("ce-type").unwrap().as_str(), "brightdata.delivery.empty");
}

#[tokio::test]
async fn a_record_too_large_for_a_message_goes_by_claim() {
    let given = Given::new(|bright| bright.records_per_input = 1).await;
    let inputs = [json!({ "url": "https://www.instagram.com/p/D/", "note": "x".repeat(1_500_000) })];
    let triggered = given.scraping.trigger(&job(&inputs), NOW).await.unwrap();
    given.bright.finish(id(&triggered).as_str()).await;
    let stream = Stream::new().await;
    let fetched = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap().unwrap();
    assert_eq!((fetched.records, fetched.new), (1, 1));
    let message = stream.message(1).await;
    assert!(message.payload.is_empty() && message.headers.get("ce-claim").is_some());
}

#[tokio::test]
async fn a_download_that_breaks_off_is_completed_by_the_next_one() {
    let given = Given::new(|_| {}).await;
    let (triggered, stream) = (given.triggered().await, Stream::new().await);
    given.bright.finish(id(&triggered).as_str()).await;
    given.bright.script.then([Step::BreakOff(5_000)]);
    let error = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap_err();
    assert!(matches!(error, Error::Download(_)), "{error:?}");
    let fetched = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap().unwrap();
    assert_eq!((fetched.records, fetched.new), (3, 1));
}

#[tokio::test]
async fn a_download_without_a_byte_is_not_taken_for_an_empty_list() {
    let (given, stream) = (Given::new(|bright| bright.deliver = false).await, Stream::new().await);
    let triggered = given.triggered().await;
    given.bright.finish(id(&triggered).as_str()).await;
    given.bright.script.then([Step::Status(200, "")]);
    let error = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap_err();
    assert!(matches!(error, scraping::Error::NothingCame), "{error:?}");
    let fetched = given.scraping.fetch(id(&triggered), &stream.channel, NOW).await.unwrap().unwrap();
    assert_eq!(fetched.records, 3, "the next one brings it in");
}
