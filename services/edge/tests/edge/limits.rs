//! Allow-lists, rate limits, the cap on requests in flight, HTTPS, and who counts as the sender behind a proxy.

use config::List;
use testkit::eventually;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{Answer, Harness, LEAD, PATH, SECRET, SOON, c2s, read_to_end};

async fn forwarded(edge: &Harness, chain: &str) -> Answer {
    Answer::of(edge.signed(LEAD).header("X-Forwarded-For", chain).send().await.unwrap()).await
}

#[tokio::test]
async fn only_listed_addresses_may_send() {
    let edge = Harness::with(|settings| {
        settings.trusted_proxies = List(vec!["127.0.0.0/8".parse().unwrap()]);
        c2s(settings).allowed_ips = List(
            ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec(),
        );
    })
    .await;
    for allowed in
        ["192.0.2.7", "198.51.100.200", "2001:db8:1::1", "::ffff:192.0.2.7", "203.0.113.1, 192.0.2.7"]
    {
        assert_eq!(forwarded(&edge, allowed).await.status, 200, "{allowed}");
    }
    for stranger in ["192.0.2.8", "2001:db9::1", "192.0.2.7, 203.0.113.1", "192.0.2.7, nonsense", "nonsense"]
    {
        forwarded(&edge, stranger).await.assert_problem(403, "forbidden");
    }
    edge.post(LEAD).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_forwarded_address_is_nothing_without_a_trusted_proxy() {
    let edge =
        Harness::with(|settings| c2s(settings).allowed_ips = List(vec!["192.0.2.7".parse().unwrap()])).await;
    forwarded(&edge, "192.0.2.7").await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_sender_that_is_too_fast_is_told_when_to_come() {
    let edge = Harness::with(|settings| {
        settings.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
        settings.rate_per_second = 1;
        settings.rate_burst = 3;
    })
    .await;
    let first = forwarded(&edge, "192.0.2.1").await;
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("3", "2"));
    // Wrong credentials count too: guessing is limited.
    let guess = edge.client.post(edge.url(PATH)).header("X-Forwarded-For", "192.0.2.1").body(LEAD);
    assert_eq!(guess.send().await.unwrap().status(), 401);
    // A slow machine may earn a request or two on the way.
    let refused = eventually("one too many", SOON, async || {
        Some(forwarded(&edge, "192.0.2.1").await).filter(|answer| answer.status != 200)
    });
    let refused = refused.await;
    refused.assert_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")), ("3", "0"));
    assert_eq!(refused.header("ratelimit-reset"), "1");
    assert_eq!(forwarded(&edge, "192.0.2.2").await.status, 200, "another sender has its own limit");
    assert_eq!(edge.get("/livez").await.status, 200, "probes have none");
}

#[tokio::test]
async fn a_listed_sender_may_burst() {
    let edge = Harness::with(|settings| {
        settings.rate_per_second = 1;
        settings.rate_burst = 1;
        c2s(settings).allowed_ips = List(vec!["127.0.0.1".parse().unwrap()]);
    })
    .await;
    for _ in 0..5 {
        assert_eq!(edge.post(LEAD).await.status, 200);
    }
}

#[tokio::test]
async fn a_providers_limit_is_spent_by_its_own_deliveries_only() {
    let edge = Harness::with(|settings| {
        c2s(settings).rate_per_minute = 1;
        c2s(settings).rate_burst = 2;
    })
    .await;
    for _ in 0..5 {
        let stranger = edge.client.post(edge.url(PATH)).body(LEAD).send().await.unwrap();
        assert_eq!(stranger.status(), 401);
    }
    assert_eq!(edge.post(LEAD).await.header("ratelimit-remaining"), "1");
    assert_eq!(edge.post(LEAD).await.status, 200);
    let refused = edge.post(LEAD).await;
    refused.assert_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((30..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn more_requests_than_fit_are_shed_at_once() {
    let edge = Harness::with(|settings| settings.requests_in_flight_max = 1).await;
    let mut slow = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nX-Webhook-Token: {SECRET}\r\nContent-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        LEAD.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // The edge asks for the body once the request has its place.
    let mut go_on = [0_u8; 25];
    tokio::io::AsyncReadExt::read_exact(&mut slow, &mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));
    let shed = edge.post(LEAD).await;
    shed.assert_problem(503, "overloaded");
    assert_eq!(shed.header("retry-after"), "1");
    slow.write_all(LEAD.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut slow).await.contains("200 OK"));
    assert_eq!(edge.post(LEAD).await.status, 200);
}

#[tokio::test]
async fn plain_http_is_refused_where_https_is_required() {
    let edge = Harness::with(|settings| {
        settings.require_https = true;
        settings.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
    })
    .await;
    edge.post(LEAD).await.assert_problem(403, "https_required");
    let forwarded = |proto: &'static str| edge.signed(LEAD).header("X-Forwarded-Proto", proto).send();
    Answer::of(forwarded("http").await.unwrap()).await.assert_problem(403, "https_required");
    assert_eq!(forwarded("https").await.unwrap().status(), 200);
    assert_eq!(edge.get("/readyz").await.status, 200, "probes are excepted");
}

#[tokio::test]
async fn a_proxy_can_report_the_client_certificate() {
    let edge = Harness::with(|settings| {
        settings.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
        settings.client_certificate_header = Some("X-Amzn-Mtls-Clientcert-Subject".to_owned());
        c2s(settings).client_certificate_cn = Some("hooks.example.com".to_owned());
    })
    .await;
    edge.post(LEAD).await.assert_problem(403, "forbidden");
    let reported =
        |header: &'static str, subject: &'static str| edge.signed(LEAD).header(header, subject).send();
    let right = "CN=hooks.example.com,O=Example";
    assert_eq!(reported("X-Amzn-Mtls-Clientcert-Subject", right).await.unwrap().status(), 200);
    assert_eq!(reported("X-Amzn-Mtls-Clientcert-Subject", "CN=other").await.unwrap().status(), 403);
    assert_eq!(
        reported("X-SSL-Client-S-DN", right).await.unwrap().status(),
        403,
        "not the configured header"
    );
}

#[tokio::test]
async fn one_address_cannot_hold_every_connection() {
    let edge = Harness::with(|settings| settings.connections_max = 8).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(TcpStream::connect(edge.address).await.unwrap());
    }
    let (first, rest) = held.split_at_mut(2);
    for refused in rest {
        assert_eq!(read_to_end(refused).await, "", "closed at once");
    }
    for served in first {
        served.write_all(b"GET /livez HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(read_to_end(served).await.contains("200 OK"));
    }
    eventually("its share is free again", SOON, async || {
        edge.client.get(edge.url("/livez")).send().await.ok()
    })
    .await;
}
