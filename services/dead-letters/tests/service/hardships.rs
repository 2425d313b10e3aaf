//! Advisories come whatever else goes wrong.

use async_nats::jetstream::AckKind;
use bus::claim::Claims;
use contract::stream::{ADVISORIES, DEAD_LETTERS_CONSUMER, brightdata, c2s::STREAM};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection};
use testkit::eventually;

use crate::given::{DEADLINE, Stage, headers, publish_raw};

const DEAD: &str = "select count(*) from dead_letters";
const WHOLE: &str = "select count(*) from dead_letters where body is not null and headers is not null";

/// Has the consumer of Bright Data's parts give one up whose body is an object.
async fn claimed_and_given_up(stage: &Stage, object: &str) {
    let (_, mut sent) = headers("snapshot");
    sent.push(("ce-claim".to_owned(), object.to_owned()));
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    publish_raw(&stage.bus, "ingest.brightdata.delivery", &sent, "").await;
    let consumer = stage.consumer_of(brightdata::STREAM, brightdata::PROCESSOR_CONSUMER, |_| {}).await;
    let messages: Vec<_> =
        consumer.fetch().max_messages(1).messages().await.unwrap().try_collect().await.unwrap();
    messages[0].ack_with(AckKind::Term).await.unwrap();
}

#[tokio::test]
async fn an_object_that_is_gone_or_too_large_is_a_dead_letter_without_its_body() {
    let mut stage = Stage::set().await;
    stage.settings.dead_letters.audit.claim_max_bytes = 1_000;
    let claims = Claims::new(&stage.bus, &stage.settings.nats);
    let large = claims.put(&"x".repeat(1_001).into()).await.unwrap();
    claimed_and_given_up(&stage, &large).await;
    claimed_and_given_up(&stage, "0000000000000000000000000000000000000000000000000000000000000000").await;
    let recorder = stage.recorder().await;
    stage.until(DEAD, 2).await;
    let without = "select count(*) from dead_letters where body is null and headers::text like '%ce-claim%'";
    assert_eq!(stage.count(without).await, 2, "the headers say which object it was");
    recorder.stop().await;
}

#[tokio::test]
async fn headers_and_bodies_of_odd_bytes_are_kept() {
    let stage = Stage::set().await;
    let (_, mut sent) = headers("lead-1");
    sent.push(("x-odd".to_owned(), "\u{1}\u{7f}\t\"\\ é 😀".to_owned()));
    sent.push(("X-Empty".to_owned(), String::new()));
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    publish_raw(&stage.bus, "ingest.c2s.created", &sent, "\0\u{1}body").await;
    publish_raw(&stage.bus, "ingest.c2s.created", &[("ce-id", "no id at all")], "no event").await;
    publish_raw(&stage.bus, "ingest.c2s.created", &[], "").await;
    stage.settle_raw(3, || AckKind::Term).await;
    let recorder = stage.recorder().await;
    stage.until(WHOLE, 3).await;
    let odd = "select count(*) from dead_letters where headers @> '[[\"x-odd\", \"\\u0001\\u007f\\t\\\"\\\\ é 😀\"]]'
        and body = '\\x0001626f6479'";
    assert_eq!(stage.count(odd).await, 1);
    recorder.stop().await;
}

#[tokio::test]
async fn an_advisory_about_a_stream_that_is_no_more_is_recorded_without_it() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.settle_raw(1, || AckKind::Term).await;
    eventually("the advisory is there", DEADLINE, async || {
        (stage.messages(ADVISORIES).await == 1).then_some(())
    })
    .await;
    stage.bus.jetstream().delete_stream(STREAM).await.unwrap();
    let recorder = stage.recorder().await;
    stage.until("select count(*) from dead_letters where body is null and stream = 'C2S'", 1).await;
    eventually("it is settled", DEADLINE, async || (recorder.account.in_flight() == 0).then_some(())).await;
    recorder.stop().await;
}

/// Closes the test's database to everybody, or opens it.
async fn open_database(stage: &Stage, open: bool) {
    let (server, name) = stage.database.url().rsplit_once('/').unwrap();
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let statement = format!(
        "alter database {name} allow_connections {open};
        select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and not {open}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_recorders_without_their_database_for_a_while_record_each_once() {
    const EVENTS: usize = 500;
    let stage = Stage::set().await;
    let (one, two) = (stage.recorder().await, stage.recorder().await);
    stage.publish((0..EVENTS / 2).map(|number| format!("lead-{number}"))).await;
    stage.settle_raw(EVENTS / 2, || AckKind::Term).await;
    open_database(&stage, false).await;
    stage.publish((EVENTS / 2..EVENTS).map(|number| format!("lead-{number}"))).await;
    stage.settle_raw(EVENTS / 2, || AckKind::Term).await;
    // Each once more: advisories may come twice.
    let advisories = stage.bus.jetstream().get_stream(ADVISORIES).await.unwrap();
    eventually("all are told", DEADLINE, async || (stage.messages(ADVISORIES).await == 500).then_some(()))
        .await;
    for sequence in 1..=500 {
        let told = advisories.direct_get(sequence).await.unwrap();
        stage.bus.client().publish(told.subject, told.payload).await.unwrap();
    }
    open_database(&stage, true).await;
    eventually("all are recorded", DEADLINE, async || {
        let count: i64 = sqlx::query_scalar(WHOLE).fetch_one(stage.pool()).await.ok()?;
        (count == 500).then_some(())
    })
    .await;
    let consumer = stage.consumer_of(ADVISORIES, DEAD_LETTERS_CONSUMER, |_| {}).await;
    eventually("all advisories are settled", DEADLINE, async || {
        let info = consumer.get_info().await.ok()?;
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
    assert_eq!(stage.count(DEAD).await, 500);
    assert_eq!(stage.count("select count(*) from webhook_events where status = 'dead_letter'").await, 500);
    assert_eq!(one.account.dead() + two.account.dead(), 0, "no advisory was given up");
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_stopped_while_advisories_are_read_costs_no_body() {
    const EVENTS: usize = 2_000;
    let mut stage = Stage::set().await;
    stage.publish((0..EVENTS).map(|number| format!("lead-{number}"))).await;
    stage.settle_raw(EVENTS, || AckKind::Term).await;
    eventually("all are told", DEADLINE, async || (stage.messages(ADVISORIES).await == 2_000).then_some(()))
        .await;
    stage.settings.dead_letters.recorder.batch_max = 50;
    let recorder = stage.recorder().await;
    for times in 1..=3 {
        let soon = times * 300;
        eventually("it is at work", DEADLINE, async || (stage.count(DEAD).await > soon).then_some(())).await;
        stage.broker.stop();
        stage.restart_broker().await;
    }
    stage.until(DEAD, 2_000).await;
    assert_eq!(stage.count(WHOLE).await, 2_000);
    recorder.stop().await;
}
