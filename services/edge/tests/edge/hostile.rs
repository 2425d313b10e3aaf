//! Callers that mean harm, or do harm without meaning to.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Answer, Harness, LEAD, PATH, SECRET, c2s, read_to_end};

fn head(length: &str) -> String {
    format!("POST {PATH} HTTP/1.1\r\nHost: edge\r\nX-Webhook-Token: {SECRET}\r\n{length}\r\n\r\n")
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_the_limit() {
    let edge = Harness::start().await;
    let limit = 1_048_576;
    let answer = edge.post(vec![b' '; limit + 1]).await;
    answer.assert_problem(413, "too_large");
    assert_eq!(answer.body["limit_bytes"], limit);
    edge.post(vec![b' '; limit]).await.assert_problem(400, "malformed");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let edge = Harness::start().await;
    let answer = edge.raw(head("Content-Length: 104857600").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"limit_bytes\":1048576"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_caller_that_sends_on_still_reads_its_refusal() {
    let edge = Harness::start().await;
    // Without a length, so that only reading shows the size; written to the end before anything is read.
    let mut request = head("Transfer-Encoding: chunked").into_bytes();
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x1_0000], b"\r\n"].concat();
    for _ in 0..160 {
        request.extend_from_slice(&chunk);
    }
    let answer = edge.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let stranger = String::from_utf8(request).unwrap().replace(SECRET, "wrong");
    let answer = edge.raw(stranger.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn a_stranger_is_refused_before_its_body_is_read() {
    let edge = Harness::start().await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let request = head("Content-Length: 1000\r\nConnection: close").replace(SECRET, "wrong");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
}

#[tokio::test]
async fn a_slow_body_is_cut_off() {
    let edge = Harness::with(|settings| c2s(settings).body_timeout_ms = 300).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    stream.write_all(head("Content-Length: 1000").as_bytes()).await.unwrap();
    let started = Instant::now();
    let (mut reading, mut writing) = stream.into_split();
    let dripping = async {
        // The only way to be slow is to wait; the edge ends it.
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = String::new();
    let answered = async { reading.read_to_string(&mut answer).await.ok() };
    tokio::join!(dripping, answered);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let edge = Harness::with(|settings| settings.header_timeout_ms = 300).await;
    let started = Instant::now();
    let answer = edge.raw(b"POST /api/v1/webhooks/c2s HTTP/1.1\r\nHost: e").await;
    assert!(!answer.contains("200"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // And so is a connection that says nothing at all.
    edge.raw(b"").await;
}

#[tokio::test]
async fn headers_of_a_megabyte_are_refused() {
    let edge = Harness::start().await;
    let one = format!("POST {PATH} HTTP/1.1\r\nHost: edge\r\nX-Filler: {}\r\n\r\n", "x".repeat(1_000_000));
    let answer = edge.raw(one.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let lines: Vec<_> = (0..10_000).map(|n| format!("X-{n}: {}\r\n", "y".repeat(90))).collect();
    let lines = lines.concat();
    let many = format!("POST {PATH} HTTP/1.1\r\nHost: edge\r\n{lines}\r\n");
    let answer = edge.raw(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let path = format!("POST /{} HTTP/1.1\r\nHost: edge\r\n\r\n", "p".repeat(1_000_000));
    let answer = edge.raw(path.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    edge.post(LEAD).await.assert_counts(1, 1, 0);
}

#[tokio::test]
async fn what_is_not_http_is_answered_and_closed() {
    let edge = Harness::start().await;
    let answer = edge.raw(b"\x16\x03\x01\x02\x00 hello\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 ") || answer.is_empty(), "{answer}");
    // Two lengths that contradict each other are how requests are smuggled.
    let smuggled = head("Content-Length: 5\r\nContent-Length: 6") + "12345";
    let answer = edge.raw(smuggled.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn what_follows_a_body_with_two_framings_is_never_a_request() {
    let edge = Harness::start().await;
    let chunked = format!("{:x}\r\n{LEAD}\r\n0\r\n\r\n", LEAD.len());
    let hidden = "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n";
    for length in [3, chunked.len() + hidden.len()] {
        let framings = head(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"));
        let answer = edge.raw(format!("{framings}{chunked}{hidden}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_delivery_are_malformed() {
    let edge = Harness::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_inside =
        format!(r#"{{"id":"x","attributes":{{"updated_at":"2026-01-20T10:00:00Z"}},"extra":{deep}}}"#);
    for body in ["", "{", "{\"id\":", "not json", &deep, &deep_inside] {
        edge.post(body.to_owned()).await.assert_problem(400, "malformed");
    }
    edge.post(b"{\"id\":\"\xff\xfe\",\"attributes\":{}}".to_vec()).await.assert_problem(400, "malformed");
    for body in ["42", "null", "\"text\"", "true"] {
        edge.post(body).await.assert_problem(400, "unexpected_shape");
    }
    assert_eq!(edge.stored().await, 0);
}

#[tokio::test]
async fn header_injection_stays_in_the_event() {
    let edge = Harness::start().await;
    let body = r#"{"id":"a\r\nNats-Rollup: all\r\n\r\nx","hook_action":"x\r\nNats-Msg-Id: y","attributes":{"updated_at":"2026-01-20T10:00:00Z"}}"#;
    edge.post(body).await.assert_counts(1, 1, 0);
    let (headers, stored) = edge.last("ingest.c2s.other").await;
    assert_eq!(stored, body);
    assert!(!headers.contains_key("Nats-Rollup"), "{headers:?}");
    assert!(headers["ce-subject"].starts_with("a%0D%0A"), "{headers:?}");
}

#[tokio::test]
async fn what_matches_no_route_is_a_problem_too() {
    let edge = Harness::start().await;
    edge.get("/nothing-here").await.assert_problem(404, "not_found");
    let get = edge.get(PATH).await;
    get.assert_problem(405, "method_not_allowed");
    assert_eq!(get.header("allow"), "POST");
    let put = edge.client.put(edge.url(&format!("{PATH}/{SECRET}"))).send().await.unwrap();
    Answer::of(put).await.assert_problem(405, "method_not_allowed");
    let head = edge.client.head(edge.url(PATH)).send().await.unwrap();
    assert_eq!(head.status(), 405);
    assert!(head.headers().contains_key("x-request-id"));
}
