//! Answers read in pieces.

use std::time::{Duration, Instant};

use outbound::{Body, Download, Error};
use simulators::Step;

use crate::{Given, client, settings};

async fn read(mut body: Body) -> Result<usize, Error> {
    let mut len = 0;
    while let Some(chunk) = body.chunk().await? {
        len += chunk.len();
    }
    Ok(len)
}

async fn begin(given: &Given, max_bytes: u64) -> Result<Download, Error> {
    client(&settings()).download(&given.get(), max_bytes).await
}

async fn body(given: &Given, max_bytes: u64) -> Body {
    match begin(given, max_bytes).await.unwrap() {
        Download::Body(body) => body,
        Download::Answer(answer) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_download_may_be_larger_than_an_answer() {
    const LEN: usize = 8 * 1024 * 1024;
    let given = Given::steps([Step::Status(502, ""), Step::Large(LEN)]).await;
    let download = body(&given, LEN as u64).await;
    assert_eq!(read(download).await.unwrap(), LEN);
    assert_eq!(given.asked(), 2, "until it begins it is asked for again");
}

#[tokio::test]
async fn a_download_has_a_largest_size_too() {
    let given = Given::steps([Step::Large(100_000)]).await;
    let error = read(body(&given, 50_000).await).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(50_000)), "{error:?}");
    let given = Given::steps([Step::BreakOff(100_000)]).await;
    assert!(matches!(begin(&given, 50_000).await, Err(Error::TooLarge(50_000))));
}

#[tokio::test]
async fn a_download_that_stalls_or_breaks_off_is_not_taken_for_whole() {
    let given = Given::steps([Step::Stall, Step::BreakOff(100)]).await;
    let error = read(body(&given, 1_000).await).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    let error = read(body(&given, 1_000).await).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let given = Given::steps([Step::Drip(Duration::from_millis(20))]).await;
    let started = Instant::now();
    let error = read(body(&given, 1_000).await).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(2), "no pause was too long, all of them together were");
}

#[tokio::test]
async fn another_status_than_200_is_read_whole() {
    let given = Given::steps([Step::Status(202, "not ready")]).await;
    let Download::Answer(answer) = begin(&given, 10).await.unwrap() else { panic!("it is no body") };
    assert_eq!((answer.status.as_u16(), answer.excerpt().as_str()), (202, "not ready"));
}
