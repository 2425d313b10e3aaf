//! Callers who mean harm, or send nonsense: a clear 4xx, flat memory, and no secret in any log.

use std::time::Duration;

use e2e::{Lead, Options, SECRET, System};
use futures::stream;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const WRONG: &str = "wrong-secret-abcdef-0123456789";

#[tokio::test]
async fn hostile_input_is_a_clear_4xx_and_memory_stays_flat() {
    let system = System::start(Options::default()).await;
    assert_eq!(system.post(&Lead::new("warm").json()).await.status, 200);
    let before = system.edge.memory_bytes();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let deep_inside =
        format!(r#"{{"id":"x","attributes":{{"updated_at":"2026-01-20T10:00:00Z"}},"x":{deep}}}"#);
    for body in [
        b"not json".to_vec(),
        vec![b'"', 0xff, 0xfe, b'"'],
        deep.into_bytes(),
        deep_inside.into_bytes(),
        b"42".to_vec(),
    ] {
        let reply = system.post_bytes(body, &[]).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert!(reply.body["code"].is_string() && reply.body["request_id"].is_string(), "{}", reply.body);
    }
    for token in ["", "x", "e2e-secret-0123456789abcdeF", &"a".repeat(5_000)] {
        assert_eq!(system.post_with_token(token).await, 401, "{token}");
    }
    let numeric =
        json!({"id": 9_007_199_254_740_993_u64, "attributes": {"updated_at": "2026-01-20T10:00:00Z"}});
    assert_eq!(system.post(&numeric).await.status, 200);

    for declared in [true, false] {
        let reply = system.post_hundred_megabytes(declared).await;
        // A refused sender may see the answer, or only that nobody listens any more.
        assert!([413, 0].contains(&reply), "{reply}");
    }
    let after = system.edge.memory_bytes();
    assert!(after < before + 32 * 1024 * 1024, "memory grew from {before} to {after}");
}

#[tokio::test]
async fn a_slow_body_and_huge_headers_are_cut_off() {
    let mut options = Options::default();
    options.edge.push(("WEIR_EDGE__PROVIDERS__C2S__BODY_TIMEOUT_MS", "400".to_owned()));
    let system = System::start(options).await;
    let head = format!(
        "POST /api/v1/webhooks/c2s HTTP/1.1\r\nHost: x\r\nX-Webhook-Token: {SECRET}\r\nContent-Length: 50\r\n\r\n{{"
    );
    let answer = system.raw(head.into_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let huge =
        format!("POST /api/v1/webhooks/c2s HTTP/1.1\r\nHost: x\r\nX-Junk: {}\r\n\r\n", "j".repeat(1_000_000));
    let answer = system.raw(huge.into_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(system.post(&Lead::new("after").json()).await.status, 200);
}

#[tokio::test]
async fn no_log_line_holds_a_secret_even_at_trace() {
    let system =
        System::start(Options { both: vec![("WEIR_LOG__LEVEL", "trace".to_owned())], ..Options::default() })
            .await;
    let url = system.edge_url();
    let lead = Lead::new("lead-1").json().to_string();
    for (address, header) in [
        (format!("{url}/api/v1/webhooks/c2s/{SECRET}"), ""),
        (format!("{url}/api/v1/webhooks/c2s?token={SECRET}"), ""),
        (format!("{url}/api/v1/webhooks/c2s/{WRONG}"), ""),
        (format!("{url}/api/v1/webhooks/c2s?token={WRONG}"), ""),
        (format!("{url}/api/v1/webhooks/c2s"), WRONG),
        (format!("{url}/api/v1/webhooks/c2s"), SECRET),
    ] {
        let request = system.http().post(address).header("X-Webhook-Token", header).body(lead.clone());
        request.send().await.unwrap();
    }
    system.until_count("select count(*) from webhook_events", 1).await;
    let log = system.edge.log() + &system.c2s.log();
    assert!(log.contains("\"TRACE\""), "the log is at its most talkative");
    for secret in [SECRET, WRONG, "joao@example.com", "+5511987654321"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
}

trait Hostile {
    async fn post_with_token(&self, token: &str) -> u16;
    async fn post_hundred_megabytes(&self, declared: bool) -> u16;
    async fn raw(&self, bytes: Vec<u8>) -> String;
}

impl Hostile for System {
    async fn post_with_token(&self, token: &str) -> u16 {
        let request = self.http().post(format!("{}/api/v1/webhooks/c2s", self.edge_url()));
        request
            .header("X-Webhook-Token", token)
            .body("{}")
            .send()
            .await
            .map_or(0, |answer| answer.status().as_u16())
    }

    async fn post_hundred_megabytes(&self, declared: bool) -> u16 {
        const CHUNK: usize = 1 << 20;
        let chunks = stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b'x'; CHUNK])));
        let mut request = self.http().post(format!("{}/api/v1/webhooks/c2s", self.edge_url()));
        if declared {
            request = request.header("Content-Length", 100 * CHUNK);
        }
        let request = request.header("X-Webhook-Token", SECRET).body(reqwest::Body::wrap_stream(chunks));
        request.send().await.map_or(0, |answer| answer.status().as_u16())
    }

    /// Sends bytes and reads until the edge closes, or falls silent.
    async fn raw(&self, bytes: Vec<u8>) -> String {
        let mut connection = TcpStream::connect(self.edge_url().trim_start_matches("http://")).await.unwrap();
        connection.write_all(&bytes).await.ok();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), connection.read_to_end(&mut answer)).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
}
