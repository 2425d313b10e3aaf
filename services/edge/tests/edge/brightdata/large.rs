//! A hundred megabytes through the real process: what it costs in memory, and that every record arrives once.

use std::{io::Write as _, time::Instant};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use testkit::Broker;

use super::given::{PATH, SNAPSHOT, TOKEN, ids, record};
use crate::binary::Binary;

const SIZE: usize = 100 * 1_000_000;
const RECORD: usize = 1_000;
/// What a delivery may cost above an idle process, KiB.
const BUDGET_KIB: u64 = 64 * 1024;

/// A body of [`SIZE`] bytes in pieces, so that the test does not hold it either.
fn pieces() -> impl Iterator<Item = Vec<u8>> {
    let count = (SIZE / RECORD) as u64;
    let piece = move |first: u64| {
        let records = (first..(first + 64).min(count)).map(|id| record(id, RECORD));
        let opening = if first == 0 { "[" } else { ",\n" };
        let closing = if first + 64 >= count { "]" } else { "" };
        format!("{opening}{}{closing}", records.collect::<Vec<_>>().join(",\n")).into_bytes()
    };
    (0..count).step_by(64).map(piece)
}

async fn deliver(edge: &Binary, body: reqwest::Body) -> Value {
    let started = Instant::now();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(edge.url(PATH)).bearer_auth(TOKEN).header("Snapshot-Id", SNAPSHOT).body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    println!("delivered in {:?}: {answer}", started.elapsed());
    answer
}

async fn start(broker: &Broker) -> Binary {
    crate::harness::client();
    let settings = [
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__ENABLED", "true"),
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__SECRETS", TOKEN),
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__BODY_MAX_BYTES", "200000000"),
        // A build that is not optimised is many times slower; how long it takes is not the question here.
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__BODY_TIMEOUT_MS", "600000"),
        ("WEIR_NATS__PUBLISH_TIMEOUT_MS", "20000"),
    ];
    Binary::start(broker, &settings).await
}

#[tokio::test]
async fn records_of_five_megabytes_cost_no_more_than_small_ones() {
    let broker = Broker::start().await;
    let edge = start(&broker).await;
    deliver(&edge, "[]".into()).await;
    let idle = edge.memory_peak_kib();
    let piece = |id: u64| {
        let opening = if id == 0 { "[" } else { "," };
        let closing = if id == 19 { "]" } else { "" };
        Ok::<_, std::io::Error>(format!("{opening}{}{closing}", record(id, 5_000_000)))
    };
    let body = reqwest::Body::wrap_stream(futures::stream::iter((0..20).map(piece)));
    let answer = deliver(&edge, body).await;
    assert_eq!((answer["records"].as_u64(), answer["parts"].as_u64()), (Some(20), Some(20)));
    let grown = edge.memory_peak_kib() - idle;
    println!("records of 5 MB: {grown} KiB above {idle} KiB");
    assert!(grown < BUDGET_KIB, "{grown} KiB");

    // One object is looked at as a whole, and may be made of the smallest things.
    let object = format!("{{\"snapshot_id\":\"s_1\",\"n\":[{}0]}}", "0,".repeat(4_000_000));
    assert_eq!(deliver(&edge, object.into()).await["records"], 1);
    let grown = edge.memory_peak_kib() - idle;
    println!("one object of many numbers: {grown} KiB above {idle} KiB");
    assert!(grown < BUDGET_KIB, "{grown} KiB");
}

#[tokio::test]
async fn a_delivery_of_100_megabytes_costs_less_than_64() {
    let broker = Broker::start().await;
    let edge = start(&broker).await;
    let bus = bus::connect(&broker.config(), "edge-test").await.unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in pieces() {
        gzip.write_all(&piece).unwrap();
    }
    let gzip = gzip.finish().unwrap();
    deliver(&edge, "[]".into()).await;
    let idle = edge.memory_peak_kib();

    let compressed = deliver(&edge, gzip.clone().into()).await;
    let grown = edge.memory_peak_kib() - idle;
    println!("{} bytes compressed: {grown} KiB above {idle} KiB", gzip.len());
    assert!(grown < BUDGET_KIB, "{grown} KiB");
    let count = (SIZE / RECORD) as u64;
    assert_eq!((compressed["records"].as_u64(), compressed["duplicates"].as_u64()), (Some(count), Some(0)));

    let stream = futures::stream::iter(pieces().map(Ok::<_, std::io::Error>));
    let plain = deliver(&edge, reqwest::Body::wrap_stream(stream)).await;
    let grown = edge.memory_peak_kib() - idle;
    println!("plain: {grown} KiB above {idle} KiB");
    assert!(grown < BUDGET_KIB, "{grown} KiB");
    assert_eq!(
        plain["duplicates"], compressed["parts"],
        "the same records are the same parts, compressed or not"
    );

    assert_eq!(ids_of_data(&bus).await, (0..count).collect::<Vec<_>>(), "every record once");
}

/// The ids without the delivery that warmed it up.
async fn ids_of_data(bus: &bus::Bus) -> Vec<u64> {
    let stream = bus.jetstream().get_stream("BRIGHTDATA").await.unwrap();
    stream.delete_message(1).await.unwrap();
    ids(bus).await
}
