//! Stopping with work in hand.

use std::time::Duration;

use testkit::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Harness, LEAD, PATH, SECRET, SOON, client, read_to_end};

/// A request that waits to be asked for its body, so that it is in flight for as long as the test likes.
async fn in_flight(edge: &Harness) -> TcpStream {
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nX-Webhook-Token: {SECRET}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        LEAD.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0_u8; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    stream
}

#[tokio::test]
async fn a_drain_finishes_the_delivery_in_flight() {
    let mut edge = Harness::start().await;
    edge.post(LEAD.replace("12345", "0")).await.assert_counts(1, 1, 0);
    let mut delivery = in_flight(&edge).await;
    edge.shutdown.drain();
    // A caller without connections from before, which are closed.
    edge.client = client();
    let ready = edge.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.body.as_str()), (503, Some("draining")));
    assert_eq!(edge.get("/livez").await.status, 200);
    let private = client().get(format!("http://{}/readyz", edge.private_address)).send().await.unwrap();
    assert_eq!(private.status(), 503);
    let late = edge.post(LEAD).await;
    late.assert_problem(503, "draining");
    assert_eq!(late.header("retry-after"), "1");

    delivery.write_all(LEAD.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut delivery).await;
    assert!(answer.contains("200 OK") && answer.contains("\"processed\":1"), "{answer}");
    let finished = edge.shutdown.finished(SOON);
    tokio::time::timeout(SOON, finished).await.expect("the edge ends by itself");
    TcpStream::connect(edge.address).await.unwrap_err();
    assert_eq!(edge.stored().await, 2);
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_drain() {
    let edge = Harness::start().await;
    // One that has been used, one that never said a word.
    edge.post(LEAD).await.assert_counts(1, 1, 0);
    let _silent = TcpStream::connect(edge.address).await.unwrap();
    let _private = TcpStream::connect(edge.private_address).await.unwrap();
    edge.get("/livez").await;
    edge.shutdown.drain();
    tokio::time::timeout(Duration::from_secs(5), edge.shutdown.finished(SOON))
        .await
        .expect("nothing to wait for");
}

#[tokio::test]
async fn an_abort_ends_what_a_drain_would_wait_for() {
    let edge = Harness::start().await;
    let mut delivery = in_flight(&edge).await;
    edge.shutdown.drain();
    edge.shutdown.abort();
    let answer = read_to_end(&mut delivery).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    eventually("the port is free", SOON, async || TcpStream::connect(edge.address).await.err()).await;
}
