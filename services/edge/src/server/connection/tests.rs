//! Connections over a pipe in memory, so that waits cost no time.

use axum::{Router, routing::get};
use lifecycle::Shutdown;

use super::*;
use crate::{address::Proxies, metrics::Metrics, server::Limits};

fn server() -> Server {
    let limits =
        Limits { connections_max: 1, header_timeout: Duration::from_secs(10), headers_max_bytes: 32 * 1024 };
    let proxies: [config::IpAddrOrNet; 0] = [];
    let router = Router::new().route("/", get(async || "x".repeat(1_000)));
    Server::new(
        router,
        None,
        limits,
        Arc::new(Proxies::new(&proxies)),
        Arc::new(Metrics::new()),
        Shutdown::default(),
    )
}

fn peer() -> Peer {
    let address = SocketAddr::from(([192, 0, 2, 1], 4711));
    Peer { address, tls: false, certificate_cn: None, unread: Arc::default() }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_its_answers_is_cut_off() {
    let (ours, mut theirs) = tokio::io::duplex(4 * 1024);
    let (server, end) = (server(), CancellationToken::new());
    let serving = server.http(ours, peer(), &end, true);
    let asking = async { while theirs.write_all(b"GET / HTTP/1.1\r\nHost: e\r\n\r\n").await.is_ok() {} };
    let both = async { tokio::join!(serving, asking) };
    tokio::time::timeout(Duration::from_mins(1), both).await.expect("the connection ends");
}
