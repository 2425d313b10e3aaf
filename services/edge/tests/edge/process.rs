//! The real process: its settings from the environment, its signals, its memory.

use testkit::{Broker, eventually};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    binary::{Binary, command, command_within, status},
    harness::{PATH, SECRET, SOON, client, read_to_end},
};

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let broker = Broker::start().await;
    let mut edge = Binary::start(&broker, &[]).await;
    assert_eq!(status(edge.post(SECRET)).await, 200);
    edge.terminate();
    assert!(edge.exit().await.success());
}

#[tokio::test]
async fn a_provider_without_a_secret_stops_it_before_it_binds() {
    // Nothing listens there: it must not get as far as the broker.
    let child =
        command("nats://127.0.0.1:1", &[("WEIR_EDGE__PROVIDERS__C2S__ENABLED", "true")]).spawn().unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("edge.providers.c2s.secrets"), "{said}");
    assert!(!said.contains("edge listening"), "{said}");
}

#[tokio::test]
async fn hostile_bodies_cost_little_memory() {
    let broker = Broker::start().await;
    let edge = Binary::start(&broker, &[]).await;
    assert_eq!(status(edge.post(SECRET)).await, 200);
    let before = edge.memory_peak_kib();
    for token in [SECRET, "wrong"] {
        for framing in ["Content-Length: 104857600", "Transfer-Encoding: chunked"] {
            let mut stream = TcpStream::connect(edge.address).await.unwrap();
            let head =
                format!("POST {PATH} HTTP/1.1\r\nHost: e\r\nX-Webhook-Token: {token}\r\n{framing}\r\n\r\n");
            let chunk = [b"100000\r\n".as_slice(), &vec![b'['; 0x10_0000], b"\r\n"].concat();
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..100 {
                if stream.write_all(&chunk).await.is_err() {
                    break;
                }
            }
            let answer = read_to_end(&mut stream).await;
            let expected = if token == SECRET { "HTTP/1.1 413 " } else { "HTTP/1.1 401 " };
            assert!(answer.starts_with(expected), "{framing}: {answer}");
        }
    }
    // As many events as a body can hold, from a sender that has the secret.
    let many = edge.post(SECRET).body(format!("[{}0]", "0,".repeat(500_000)));
    assert_eq!(status(many).await, 413);
    let grown = edge.memory_peak_kib() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn what_it_did_is_in_its_metrics() {
    let broker = Broker::start().await;
    let edge = Binary::start(&broker, &[]).await;
    assert_eq!(status(edge.post(SECRET)).await, 200);
    assert_eq!(status(edge.post(SECRET)).await, 200);
    assert_eq!(status(edge.post("wrong")).await, 401);
    let metrics = client().get(edge.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let value = |name: &str, labels: &[&str]| {
        let line = metrics.lines().find(|line| {
            line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
        });
        line.unwrap_or_else(|| panic!("{name} {labels:?}: {metrics}")).rsplit(' ').next().unwrap().to_owned()
    };
    for outcome in ["accepted", "duplicate"] {
        let outcome = format!("outcome=\"{outcome}\"");
        assert_eq!(value("weir_edge_events_total", &["provider=\"c2s\"", &outcome]), "1");
    }
    let refused = ["provider=\"c2s\"", "code=\"unauthorized\""];
    assert_eq!(value("weir_edge_refusals_total", &refused), "1");
    let answered = ["http_response_status_code=\"200\"", "http_route=\"/api/v1/webhooks/c2s\""];
    assert_eq!(value("http_server_request_duration_seconds_count", &answered), "2");
    assert_eq!(value("http_server_active_requests", &["http_request_method=\"POST\""]), "0");
}

#[tokio::test]
async fn callers_cannot_take_the_files_that_the_broker_needs() {
    let mut broker = Broker::start().await;
    let settings = [
        ("WEIR_EDGE__HEADER_TIMEOUT_MS", "600000"),
        // Otherwise one address would not get that far.
        ("WEIR_EDGE__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let edge = Binary::run(&broker, command_within("-n 140", broker.url(), &settings)).await;
    // More than there are files, and no more than the listener's backlog takes.
    let connecting = (0..135).map(|_| TcpStream::connect(edge.address));
    let silent = futures::future::try_join_all(connecting).await.unwrap();
    broker.kill();
    broker.restart().await;
    eventually("the edge finds its broker again", SOON, async || {
        (edge.log().matches("broker connected").count() == 2).then_some(())
    })
    .await;
    drop(silent);
    assert_eq!(status(edge.post(SECRET)).await, 200);
    assert!(edge.log().contains("fewer connections than edge.connections_max"));
}

#[tokio::test]
async fn a_soft_limit_on_files_is_raised() {
    let broker = Broker::start().await;
    let edge = Binary::run(&broker, command_within("-Sn 256", broker.url(), &[])).await;
    let limits = edge.proc("limits");
    let files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "{files:?}");
}
