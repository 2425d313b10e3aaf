//! The program as it is shipped.

use std::{process::Stdio, time::Duration};

use async_nats::jetstream::consumer::{FromConsumer as _, pull};
use bus::{Publisher, Topology};
use contract::{
    brightdata::DELIVERY,
    stream::{
        RESULTS,
        brightdata::{PROCESSOR_CONSUMER, PROVIDER, STREAM},
        ingest_subject,
    },
};
use results::{Outcome as _, v1::DeliveryProcessed};
use serde_json::Value;
use testkit::{Broker, Database, eventually};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::given::{DEADLINE, SNAPSHOT, ndjson, part, post};

#[tokio::test]
async fn the_program_stores_a_part_and_sigterm_ends_it_well() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_weir-brightdata"))
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database.url())
        .env("WEIR_BRIGHTDATA__PROBE_LISTEN", "127.0.0.1:0")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let body = ndjson(&[post(1, 1, 0)]);
    let envelope = part(SNAPSHOT, 1, &body);
    let event = bus::Event {
        stream: STREAM,
        subject: ingest_subject(PROVIDER, DELIVERY),
        envelope,
        payload: body.into(),
    };
    Publisher::new(&bus, &broker.config()).publish(event).await.unwrap();
    eventually("the post is stored", DEADLINE, async || {
        let posts: i64 =
            sqlx::query_scalar("select count(*) from social_posts").fetch_one(database.pool()).await.unwrap();
        (posts == 1).then_some(())
    })
    .await;
    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    let status = timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_program_that_is_killed_in_the_middle_of_a_delivery_leaves_nothing_out_and_nothing_doubled() {
    const PARTS: u64 = 24;
    const RECORDS: u64 = 200;
    let (broker, database) = (Broker::start().await, Database::create().await);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    // What the dead process held comes again after this long, not after a minute.
    let stream = bus.jetstream().get_stream(STREAM).await.unwrap();
    let mut consumer = stream.consumer_info(PROCESSOR_CONSUMER).await.unwrap().config;
    consumer.ack_wait = Duration::from_secs(2);
    let consumer = pull::Config::try_from_consumer_config(consumer).unwrap();
    stream.create_consumer(consumer).await.unwrap();
    let publisher = Publisher::new(&bus, &broker.config());
    for number in 0..PARTS {
        let records: Vec<_> = (0..RECORDS).map(|id| post(number * RECORDS + id, id, 0)).collect();
        publish(&publisher, number + 1, &records).await;
    }

    let mut first = start(&broker, &database);
    eventually("some of it is stored", DEADLINE, async || (posts(&database).await > 0).then_some(())).await;
    first.kill().await.unwrap();
    assert!(posts(&database).await < i64::try_from(PARTS * RECORDS).unwrap(), "it died in the middle");
    let _second = start(&broker, &database);
    let whole = "select count(*) from scrape_requests where (parts, records) = (24, 4800)";
    eventually("all of it is stored", DEADLINE, async || {
        let whole: i64 = sqlx::query_scalar(whole).fetch_one(database.pool()).await.unwrap();
        (whole == 1).then_some(())
    })
    .await;
    assert_eq!(posts(&database).await, 4_800);
    let completed = "select count(*) from webhook_events where status = 'completed'";
    assert_eq!(sqlx::query_scalar::<_, i64>(completed).fetch_one(database.pool()).await.unwrap(), 24);
    eventually("every part is told", DEADLINE, async || {
        let results = bus.jetstream().get_stream(RESULTS).await.unwrap();
        let filter = DeliveryProcessed::subject();
        let told = results.info_with_subjects(filter.clone()).await.unwrap();
        let told: Vec<_> = futures::TryStreamExt::try_collect(told).await.unwrap();
        told.iter().any(|(subject, count): &(String, usize)| *subject == filter && *count == 24).then_some(())
    })
    .await;
}

fn start(broker: &Broker, database: &Database) -> Child {
    Command::new(env!("CARGO_BIN_EXE_weir-brightdata"))
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database.url())
        .env("WEIR_BRIGHTDATA__PROBE_LISTEN", "127.0.0.1:0")
        // One part at a time, so that there is a middle.
        .env("WEIR_BRIGHTDATA__PROCESSOR__BATCH_MAX", "1")
        .env("WEIR_BRIGHTDATA__PROCESSOR__CONCURRENCY", "1")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn publish(publisher: &Publisher, number: u64, records: &[Value]) {
    let body = ndjson(records);
    let envelope = part(SNAPSHOT, number, &body);
    let subject = ingest_subject(PROVIDER, DELIVERY);
    publisher.publish(bus::Event { stream: STREAM, subject, envelope, payload: body.into() }).await.unwrap();
}

async fn posts(database: &Database) -> i64 {
    sqlx::query_scalar("select count(*) from social_posts").fetch_one(database.pool()).await.unwrap()
}

#[tokio::test]
async fn a_missing_setting_stops_the_process_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir-brightdata"))
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("postgres.url"), "{error}");
}
