//! Signatures and timestamps, which senders of our own may add.

use config::{List, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::RequestBuilder;
use sha2::Sha256;
use time::OffsetDateTime;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::given::{PATH, TOKEN, brightdata, events, gzip, ids, post, records, start};
use crate::harness::{Answer, Harness, read_to_end};

const SIGNING_SECRET: &str = "the-signing-secret-of-tests";

async fn signing() -> Harness {
    Harness::with(|settings| {
        brightdata(settings).delivery.hmac_secrets =
            List(vec![Secret::from("an-older-signing-secret"), Secret::from(SIGNING_SECRET)]);
    })
    .await
}

fn signature(body: &[u8]) -> String {
    let mut keyed = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()).unwrap();
    keyed.update(body);
    hex::encode(keyed.finalize().into_bytes())
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_signature_is_checked_over_the_bytes_as_they_came() {
    let edge = signing().await;
    let plain = records(0..2_000, 400);
    let body = gzip(plain.as_bytes());
    let signed = |value: String| post(&edge, body.clone()).header("X-BrightData-Signature", value);
    let right = signature(&body);
    for wrong in [
        signature(plain.as_bytes()),
        signature(b""),
        right[..62].to_owned(),
        format!("{right}00"),
        format!("sha1={right}"),
        "zz".repeat(32),
        String::new(),
    ] {
        let answer = Answer::of(signed(wrong.clone()).send().await.unwrap()).await;
        answer.assert_problem(401, "unauthorized");
    }
    assert!(events(&edge.bus).await.is_empty(), "nothing of a body that somebody changed is published");
    for right in [right.clone(), format!("sha256={right}"), right.to_ascii_uppercase()] {
        assert_eq!(status(signed(right)).await, 200);
    }
    assert_eq!(ids(&edge.bus).await, (0..2_000).collect::<Vec<_>>());
    assert_eq!(status(post(&edge, "[]")).await, 200, "without the header the token is enough");
    let stranger =
        edge.client.post(edge.url(PATH)).header("X-BrightData-Signature", signature(b"[]")).body("[]");
    assert_eq!(status(stranger).await, 401, "a signature is no token");
}

#[tokio::test]
async fn a_signature_that_nobody_can_check_is_not_looked_at() {
    let edge = start().await;
    assert_eq!(status(post(&edge, "[]").header("X-BrightData-Signature", "00")).await, 200);
}

#[tokio::test]
async fn a_timestamp_is_checked_where_there_is_one() {
    let edge = start().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let at = |timestamp: String| post(&edge, "[]").header("X-BrightData-Timestamp", timestamp);
    for right in [now, now - 250, now + 250] {
        assert_eq!(status(at(right.to_string())).await, 200, "{right}");
    }
    for wrong in
        [(now - 320).to_string(), (now + 320).to_string(), "yesterday".to_owned(), i64::MIN.to_string()]
    {
        assert_eq!(status(at(wrong.clone())).await, 401, "{wrong}");
    }
    assert_eq!(status(post(&edge, "[]")).await, 200);
}

#[tokio::test]
async fn a_signed_body_is_answered_within_the_same_time() {
    let edge = Harness::with(|settings| {
        let provider = brightdata(settings);
        provider.delivery.hmac_secrets = List(vec![Secret::from(SIGNING_SECRET)]);
        (provider.body_timeout_ms, provider.answer_timeout_ms) = (60_000, 500);
    })
    .await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: {TOKEN}\r\nX-BrightData-Signature: {}\r\nContent-Length: 100\r\n\r\n[",
        "0".repeat(64)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}
