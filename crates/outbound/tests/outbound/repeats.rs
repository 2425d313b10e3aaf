//! What is asked again, how often, and how soon.

use std::time::{Duration, Instant};

use outbound::{Error, Repeat, Request, Verdict};
use simulators::Step;

use crate::{Given, client, settings};

#[tokio::test]
async fn a_500_is_tried_again_and_a_400_is_not() {
    let given = Given::steps([Step::Status(500, ""), Step::Status(503, "")]).await;
    let answer = client(&settings()).send(&given.get()).await.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body, given.asked()), (200, &b"ok"[..], 3));

    let given = Given::steps([Step::Status(400, "no")]).await;
    let answer = client(&settings()).send(&given.get()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.verdict(), given.asked()), (400, Verdict::Permanent, 1));
    assert_eq!(answer.excerpt(), "no");
}

#[tokio::test]
async fn attempts_have_an_end_and_the_last_answer_is_told() {
    let given = Given::steps(vec![Step::Status(500, "still"); 10]).await;
    let mut settings = settings();
    settings.attempts_max = 3;
    let answer = client(&settings).send(&given.get()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.excerpt().as_str(), given.asked()), (500, "still", 3));
}

#[tokio::test]
async fn a_429_without_a_word_waits_by_itself_and_one_with_waits_as_told() {
    let given = Given::steps([Step::Status(429, "")]).await;
    let started = Instant::now();
    assert_eq!(client(&settings()).send(&given.get()).await.unwrap().status.as_u16(), 200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    let given = Given::steps([Step::RetryAfter(429, "1")]).await;
    let started = Instant::now();
    assert_eq!(client(&settings()).send(&given.get()).await.unwrap().status.as_u16(), 200);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(given.asked(), 2);
}

#[tokio::test]
async fn who_asks_for_a_longer_wait_than_allowed_is_not_asked_again() {
    let given = Given::steps([Step::RetryAfter(429, "3600")]).await;
    let answer = client(&settings()).send(&given.get()).await.unwrap();
    assert_eq!((answer.status.as_u16(), given.asked()), (429, 1));
    assert_eq!(answer.retry_after(), Some(Duration::from_hours(1)));
}

#[tokio::test]
async fn what_may_show_twice_is_asked_again_only_if_nobody_can_have_seen_it() {
    let mut settings = settings();
    settings.timeout_ms = 200;
    let client = client(&settings);

    let given = Given::steps([Step::Hang]).await;
    let paid = Request::post(given.url()).repeat(Repeat::IfUnseen);
    assert!(matches!(client.send(&paid).await, Err(Error::Timeout(_))));
    assert_eq!(given.asked(), 1, "it may have been done");

    let given = Given::steps([Step::Hang]).await;
    assert_eq!(client.send(&given.get()).await.unwrap().status.as_u16(), 200);
    assert_eq!(given.asked(), 2, "reading twice harms nobody");

    let given = Given::steps([Step::Status(503, "")]).await;
    let paid = Request::post(given.url()).repeat(Repeat::IfUnseen);
    assert_eq!(client.send(&paid).await.unwrap().status.as_u16(), 200, "an answer says that it was not done");

    let gone = Given::steps([]).await;
    let url = gone.url();
    drop(gone);
    let error = client.send(&Request::post(url).repeat(Repeat::IfUnseen)).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
}
