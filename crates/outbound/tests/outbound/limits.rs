//! Every wait has an end and every answer a largest size.

use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use outbound::{Error, Request, Url};
use simulators::Step;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{Given, client, settings};

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_longer_than_allowed() {
    for step in [Step::Hang, Step::Stall, Step::Drip(Duration::from_millis(20))] {
        let given = Given::steps([step]).await;
        let mut settings = settings();
        settings.timeout_ms = 200;
        let started = Instant::now();
        let error = client(&settings).send_once(&given.get()).await.unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_leads_nowhere() {
    let elsewhere = Given::steps([]).await;
    let given = Given::steps([Step::Redirect(elsewhere.url().to_string())]).await;
    let error = client(&settings()).send(&given.get()).await.unwrap_err();
    assert!(matches!(error, Error::Redirected(_)), "{error:?}");
    assert_eq!((given.asked(), elsewhere.asked()), (1, 0));
}

#[tokio::test]
async fn an_answer_larger_than_the_cap_is_not_read() {
    let mut settings = settings();
    settings.response_max_bytes = 10_000;
    for step in [Step::Large(20_000), Step::BreakOff(20_000)] {
        let given = Given::steps([step]).await;
        let error = client(&settings).send(&given.get()).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge(10_000)), "{error:?}");
        assert_eq!(given.asked(), 1, "a second time it would be as large");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let given = Given::steps([Step::BreakOff(100)]).await;
    let error = client(&settings()).send_once(&given.get()).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn a_redirect_to_a_private_address_leads_nowhere() {
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    let given = Given::steps([Step::Redirect(metadata)]).await;
    let error = client(&settings()).send(&given.get()).await.unwrap_err();
    assert!(matches!(error, Error::Redirected(_)), "{error:?}");
}

#[tokio::test]
async fn a_length_that_lies_is_not_believed() {
    let mut settings = settings();
    settings.response_max_bytes = 10_000;
    let client = client(&settings);
    for (rest, expected) in [
        ("content-length: 2\r\n\r\nok, and much more than that", Ok("ok")),
        ("content-length: 2\r\ncontent-length: 700\r\n\r\nok", Err("broken")),
        ("content-length: -1\r\n\r\nok", Err("broken")),
        ("content-length: 9000000000000000000\r\n\r\nok", Err("too_large")),
        ("content-length: 5\r\n\r\nok", Err("broken")),
        ("transfer-encoding: chunked\r\n\r\nffffffff\r\nok", Err("broken")),
    ] {
        let url = liar(format!("HTTP/1.1 200 OK\r\n{rest}")).await;
        let result = client.send_once(&Request::get(url)).await;
        let told = result.as_ref().map(outbound::Answer::excerpt).map_err(Error::kind);
        assert_eq!(told.as_deref().map_err(|kind| *kind), expected, "{rest}");
    }
}

/// Answers one request with these bytes and hangs up.
async fn liar(answer: String) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with its one request")]
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    url
}

#[tokio::test]
async fn no_error_tells_the_url() {
    let mut settings = settings();
    settings.timeout_ms = 200;
    let client = client(&settings);
    let gone = Given::steps([]).await;
    let away = gone.get();
    drop(gone);
    let given = Given::steps([Step::Hang, Step::BreakOff(100), Step::Redirect("/y".to_owned())]).await;
    for request in [away, given.get(), given.get(), given.get()] {
        let error = client.send_once(&request).await.unwrap_err();
        let mut told = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(!told.contains("t0ken") && !told.contains("p4th"), "{told}");
    }
}
