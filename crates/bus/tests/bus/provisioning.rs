//! Streams and consumers match their description, or nobody runs.

use async_nats::jetstream::{
    consumer::{FromConsumer as _, pull},
    stream::{Config, StorageType},
};
use bus::{Action, Mismatch, Topology};
use testkit::Broker;

use crate::provisioned;

#[tokio::test]
async fn provisioning_twice_changes_nothing() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    let topology = Topology::embedded();
    let first = topology.apply(&bus, 1).await.unwrap();
    assert!(first.iter().all(|change| change.action == Action::Created), "{first:?}");
    let second = topology.apply(&bus, 1).await.unwrap();
    assert!(second.iter().all(|change| change.action == Action::Unchanged), "{second:?}");
    for stream in topology.streams.keys() {
        topology.verify(&bus, stream).await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_limit_is_planned_by_name_and_then_applied() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut topology = Topology::embedded();
    topology.streams.get_mut("C2S").unwrap().max_bytes = 4_000_000;
    topology.consumers.get_mut("c2s-leads").unwrap().max_deliver = 9;

    let plan = topology.plan(&bus, 1).await.unwrap();
    let planned: Vec<_> = plan.iter().filter(|change| change.action == Action::Updated).collect();
    assert_eq!(planned.len(), 2, "{plan:?}");
    assert!(planned.iter().any(|change| change.differences == ["max_deliver: 10 → 9"]), "{plan:?}");
    assert_eq!(topology.plan(&bus, 1).await.unwrap(), plan, "a plan changes nothing");

    assert_eq!(topology.apply(&bus, 1).await.unwrap(), plan);
    assert!(topology.plan(&bus, 1).await.unwrap().iter().all(|change| change.action == Action::Unchanged));
}

#[tokio::test]
async fn a_consumer_with_other_filters_is_brought_back() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut topology = Topology::embedded();
    let filters = |topology: &mut Topology, filters: &[&str]| {
        topology.consumers.get_mut("c2s-leads").unwrap().filter_subjects =
            filters.iter().map(ToString::to_string).collect();
    };
    for wanted in
        [&["ingest.c2s.created", "ingest.c2s.updated"][..], &["ingest.c2s.>"], &["ingest.c2s.other"]]
    {
        filters(&mut topology, wanted);
        topology.apply(&bus, 1).await.unwrap();
        topology.verify(&bus, "C2S").await.unwrap();
        let plan = topology.plan(&bus, 1).await.unwrap();
        assert!(plan.iter().all(|change| change.action == Action::Unchanged), "{plan:?}");
    }
}

#[tokio::test]
async fn a_stream_that_drops_the_oldest_of_a_subject_is_refused_and_mended() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = bus.jetstream().get_stream("C2S").await.unwrap().cached_info().config.clone();
    // Discarding the new is about the whole stream: a subject's own limit drops its oldest, unread or not.
    config.max_messages_per_subject = 1;
    bus.jetstream().update_stream(&config).await.unwrap();
    let topology = Topology::embedded();
    let error = topology.verify(&bus, "C2S").await.unwrap_err().to_string();
    assert!(error.contains("1 per subject"), "{error}");
    topology.apply(&bus, 1).await.unwrap();
    topology.verify(&bus, "C2S").await.unwrap();
}

#[tokio::test]
async fn a_consumer_without_bodies_is_refused_and_mended() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let stream = bus.jetstream().get_stream("C2S").await.unwrap();
    let consumer = stream.get_consumer::<pull::Config>("c2s-leads").await.unwrap();
    let mut config = consumer.cached_info().config.clone();
    config.headers_only = true;
    stream.update_consumer(pull::Config::try_from_consumer_config(config).unwrap()).await.unwrap();
    let topology = Topology::embedded();
    let error = topology.verify(&bus, "C2S").await.unwrap_err().to_string();
    assert!(error.contains("no bodies"), "{error}");
    topology.apply(&bus, 1).await.unwrap();
    topology.verify(&bus, "C2S").await.unwrap();
}

#[tokio::test]
async fn a_stream_that_forgets_is_refused() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    let topology = Topology::embedded();
    assert!(matches!(topology.verify(&bus, "C2S").await, Err(Mismatch::Missing { kind: "stream", .. })));

    let forgetful = Config { storage: StorageType::Memory, ..config() };
    bus.jetstream().create_stream(forgetful).await.unwrap();
    let error = topology.verify(&bus, "C2S").await.unwrap_err().to_string();
    assert!(
        error.contains("C2S") && error.contains("file storage") && error.contains("weir provision"),
        "{error}"
    );
}

#[tokio::test]
async fn a_bucket_that_forgets_before_its_stream_is_refused() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut topology = Topology::embedded();
    topology.buckets.get_mut("CLAIMS").unwrap().max_age_hours = 100;
    topology.apply(&bus, 1).await.unwrap();
    let error = topology.verify(&bus, "BRIGHTDATA").await.unwrap_err().to_string();
    assert!(error.contains("bucket CLAIMS") && error.contains("longer than messages"), "{error}");
    topology.verify(&bus, "C2S").await.unwrap();

    bus.jetstream().delete_object_store("CLAIMS").await.unwrap();
    let error = topology.verify(&bus, "BRIGHTDATA").await.unwrap_err();
    assert!(matches!(error, Mismatch::Missing { kind: "bucket", .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_drops_the_oldest_is_refused() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    bus.jetstream().create_stream(config()).await.unwrap();
    let error = Topology::embedded().verify(&bus, "C2S").await.unwrap_err().to_string();
    assert!(error.contains("discard new"), "{error}");
}

/// Stream C2S with the server's defaults for everything but its subjects.
fn config() -> Config {
    let subjects = Topology::embedded().streams.remove("C2S").unwrap().subjects;
    Config { name: "C2S".to_owned(), subjects, ..Config::default() }
}

#[tokio::test]
async fn a_consumer_is_changed_after_a_restart_of_the_broker() {
    let mut broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    let mut older = Topology::embedded();
    for consumer in older.consumers.values_mut() {
        consumer.max_deliver = 5;
        consumer.filter_subjects.truncate(1);
    }
    older.apply(&bus, 1).await.unwrap();
    broker.kill();
    broker.restart().await;
    bus.connected().await;
    let changes = Topology::embedded().apply(&bus, 1).await.unwrap();
    assert!(changes.iter().any(|change| change.kind == "consumer" && change.action == Action::Updated));
}
