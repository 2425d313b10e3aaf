//! Events that wait together share an atomic batch, and nothing but speed tells.

use std::{collections::HashSet, time::Duration};

use bus::{Bus, Publisher, Receipt};
use config::PublishMode;
use futures::future::join_all;
use testkit::Broker;

use crate::{event, provisioned};

/// What the counters of the server say of the stream: messages kept.
async fn kept(bus: &Bus) -> u64 {
    bus.jetstream().get_stream("C2S").await.unwrap().cached_info().state.messages
}

fn batching(broker: &Broker, bus: &Bus) -> Publisher {
    let mut config = broker.config();
    config.publish_mode = PublishMode::Batch;
    Publisher::new(bus, &config)
}

async fn publish_all(publisher: &Publisher, keys: &[String]) -> Vec<Receipt> {
    let publishing = keys.iter().map(|key| publisher.publish(event(key, format!("body of {key}"))));
    join_all(publishing).await.into_iter().map(Result::unwrap).collect()
}

fn keys(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

/// Whether the message at `sequence` was stored as a part of a batch.
async fn is_batched(bus: &Bus, sequence: u64) -> bool {
    let stream = bus.jetstream().get_stream("C2S").await.unwrap();
    stream.direct_get(sequence).await.unwrap().headers.get("Nats-Batch-Id").is_some()
}

#[tokio::test]
async fn events_that_share_a_batch_get_the_same_answers_as_alone() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let publisher = batching(&broker, &bus);
    let keys = keys("k", 1_200);
    let receipts = publish_all(&publisher, &keys).await;

    assert!(receipts.iter().all(|receipt| !receipt.duplicate));
    let stream = bus.jetstream().get_stream("C2S").await.unwrap();
    let mut batches = HashSet::new();
    for (key, receipt) in keys.iter().zip(&receipts) {
        let stored = stream.direct_get(receipt.sequence).await.unwrap();
        assert_eq!(stored.payload.as_ref(), format!("body of {key}").as_bytes(), "at {}", receipt.sequence);
        assert_eq!(stored.headers.get("Nats-Msg-Id").unwrap().as_str(), key);
        batches.insert(stored.headers.get("Nats-Batch-Id").map(|id| id.as_str().to_owned()));
    }
    assert_eq!(kept(&bus).await, 1_200);
    assert!((2..100).contains(&batches.len()), "{} batches", batches.len());

    let again = publish_all(&publisher, &keys).await;
    for (first, again) in receipts.iter().zip(&again) {
        assert!(again.duplicate && again.sequence == first.sequence, "{first:?} {again:?}");
    }
    assert_eq!(kept(&bus).await, 1_200);
}

#[tokio::test]
async fn a_duplicate_among_new_events_costs_its_neighbours_nothing_but_time() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    // The other publisher remembers nothing of the first one's keys.
    publish_all(&batching(&broker, &bus), &["k-7".to_owned()]).await;
    let receipts = publish_all(&batching(&broker, &bus), &keys("k", 50)).await;
    let duplicates: Vec<_> = (0..50).filter(|number| receipts[*number].duplicate).collect();
    assert_eq!(duplicates, [7]);
    assert_eq!(kept(&bus).await, 50);
}

#[tokio::test]
async fn one_key_twice_at_one_time_is_stored_once() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let keys: Vec<_> = (0..40).map(|number| format!("k-{}", number % 10)).collect();
    let receipts = publish_all(&batching(&broker, &bus), &keys).await;
    assert_eq!(receipts.iter().filter(|receipt| receipt.duplicate).count(), 30);
    assert_eq!(kept(&bus).await, 10);
}

#[tokio::test]
async fn a_stream_that_takes_no_batches_is_published_to_singly() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = bus.jetstream().get_stream("C2S").await.unwrap().cached_info().config.clone();
    config.allow_atomic_publish = false;
    bus.jetstream().update_stream(&config).await.unwrap();
    let receipts = publish_all(&batching(&broker, &bus), &keys("k", 50)).await;
    assert!(receipts.iter().all(|receipt| !receipt.duplicate));
    assert_eq!(kept(&bus).await, 50);
}

#[tokio::test]
async fn a_stream_that_is_full_refuses_and_counts_right() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut topology = bus::Topology::embedded();
    topology.streams.get_mut("C2S").unwrap().max_bytes = 16_384;
    topology.apply(&bus, 1).await.unwrap();
    let publisher = batching(&broker, &bus);
    let keys = keys("k", 100);
    let publishing = keys.iter().map(|key| publisher.publish(event(key, vec![b'x'; 500])));
    let stored = join_all(publishing).await.into_iter().flatten().count();
    assert!(stored > 0 && stored < 100, "{stored}");
    assert_eq!(kept(&bus).await, stored as u64);
}

#[tokio::test]
async fn a_broker_killed_under_batches_keeps_what_it_acknowledged_and_doubles_nothing() {
    let mut broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = broker.config();
    config.publish_mode = PublishMode::Batch;
    config.publish_timeout_ms = 10_000;
    let publisher = Publisher::new(&bus, &config);
    let keys = keys("k", 3_000);
    let (receipts, ()) = futures::join!(publish_all(&publisher, &keys), async {
        while kept(&bus).await < 500 {}
        broker.kill();
        broker.restart().await;
    });
    // Those whose answer the kill swallowed are found to be their own, not repeats.
    assert!(receipts.iter().all(|receipt| !receipt.duplicate));
    let places: HashSet<_> = receipts.iter().map(|receipt| receipt.sequence).collect();
    assert_eq!(places.len(), 3_000);
    assert_eq!(kept(&bus).await, 3_000);
}

#[tokio::test]
async fn a_broker_that_hangs_in_a_batch_is_an_error_in_time() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = broker.config();
    config.publish_mode = PublishMode::Batch;
    config.publish_timeout_ms = 600;
    let publisher = Publisher::new(&bus, &config);
    broker.pause();
    let started = std::time::Instant::now();
    let results = join_all((0..20).map(|number| publisher.publish(event(&format!("k-{number}"), "a")))).await;
    assert!(results.iter().all(Result::is_err));
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    broker.resume();
}

#[tokio::test]
async fn left_to_itself_a_lone_event_goes_alone() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let publisher = Publisher::new(&bus, &broker.config());
    for key in keys("k", 20) {
        let receipt = publisher.publish(event(&key, "a")).await.unwrap();
        assert!(!is_batched(&bus, receipt.sequence).await);
    }
}
