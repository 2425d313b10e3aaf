//! Bright Data's deliveries, and what they left on the stream.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _, ops::Range};

use bus::Bus;
use config::{List, Secret};
use flate2::{Compression, write::GzEncoder};
use reqwest::RequestBuilder;

use crate::harness::Harness;

pub(crate) const PATH: &str = "/api/brightdata/webhook";
pub(crate) const NOTIFY: &str = "/api/brightdata/notify";
pub(crate) const TOKEN: &str = "the-brightdata-token-of-tests-1";
pub(crate) const OLDER_TOKEN: &str = "the-brightdata-token-of-tests-0";
pub(crate) const SNAPSHOT: &str = "s_m4x7enmven8djfqak";

/// Subject, headers, body.
pub(crate) type Stored = (String, BTreeMap<String, String>, String);

/// The provider's settings, on.
pub(crate) fn brightdata(settings: &mut config::Edge) -> &mut config::EdgeProvider {
    let brightdata = settings.providers.get_mut("brightdata").unwrap();
    brightdata.enabled = true;
    brightdata.secrets = List(vec![Secret::from(TOKEN), Secret::from(OLDER_TOKEN)]);
    brightdata
}

pub(crate) async fn start() -> Harness {
    Harness::with(|settings| {
        brightdata(settings);
    })
    .await
}

/// A delivery of the snapshot, with the right token.
pub(crate) fn post(edge: &Harness, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let request = edge.client.post(edge.url(&format!("{PATH}/"))).bearer_auth(TOKEN);
    request.header("Snapshot-Id", SNAPSHOT).body(body)
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// An array of records with these ids, each of about `size` bytes.
pub(crate) fn records(ids: Range<u64>, size: usize) -> String {
    let mut body = String::from("[");
    for id in ids {
        let separator = if body.len() > 1 { "," } else { "" };
        write!(body, "{separator}{}", record(id, size)).unwrap();
    }
    body + "]"
}

/// Text that compresses about as well as what is collected: ten to one.
pub(crate) fn record(id: u64, size: usize) -> String {
    let mut record = format!("{{\"id\":{id},\"text\":\"");
    let mut seed = id;
    while record.len() + 2 < size {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(record, "collected {:03} of the page, and liked \\u00e9; ", seed >> 54).unwrap();
    }
    record + "\"}"
}

/// Every event on the stream, oldest first.
pub(crate) async fn events(bus: &Bus) -> Vec<Stored> {
    let stream = bus.jetstream().get_stream("BRIGHTDATA").await.unwrap();
    let state = stream.cached_info().state.clone();
    let mut events = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.direct_get(sequence).await.unwrap();
        let headers = message.headers.iter().map(|(name, values)| (name.to_string(), values[0].to_string()));
        let body = String::from_utf8_lossy(&message.payload).into_owned();
        events.push((message.subject.to_string(), headers.collect(), body));
    }
    events
}

/// The ids of all records on the stream, in order of their size.
pub(crate) async fn ids(bus: &Bus) -> Vec<u64> {
    let mut ids = Vec::new();
    for (_, _, body) in events(bus).await {
        ids.extend(body.lines().map(|line| -> u64 {
            let digits = line.strip_prefix("{\"id\":").unwrap().split(',').next().unwrap();
            digits.parse().unwrap()
        }));
    }
    ids.sort_unstable();
    ids
}
