//! Consumers that do not keep the ledger.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind,
    consumer::{PullConsumer, pull},
};
use contract::stream::c2s::{ENRICHER_CONSUMER, PROVIDER, STREAM};
use futures::TryStreamExt as _;
use store::{
    event_handlings,
    webhook_events::{Event, Position, Status},
};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage};

const DEAD: &str = "select count(*) from dead_letters where consumer = 'c2s-enricher' and body is not null";
const HANDLINGS_DEAD: &str = "select count(*) from event_handlings where status = 'dead_letter'";

/// What the enricher wrote down of the event at a position.
async fn admitted(stage: &Stage, sequence: u64, completed: bool) {
    let stored = stage.bus.stored(STREAM, sequence).await.unwrap().unwrap();
    let envelope = stored.envelope();
    let event = Event {
        provider: PROVIDER,
        envelope: &envelope,
        body: &stored.payload,
        lead_id: None,
        updated_at: None,
        position: Position { stream: STREAM, subject: &stored.subject, sequence },
        attempt: 1,
        trace_id: None,
    };
    let mut connection = stage.pool().acquire().await.unwrap();
    let now = OffsetDateTime::now_utc();
    event_handlings::admit(&mut connection, ENRICHER_CONSUMER, &[event], now).await.unwrap();
    if completed {
        event_handlings::complete(&mut connection, ENRICHER_CONSUMER, &[envelope.id], now).await.unwrap();
    }
}

async fn terminate(stage: &Stage, messages: usize) {
    let stream = stage.bus.jetstream().get_stream(STREAM).await.unwrap();
    let consumer: PullConsumer = stream.get_consumer(ENRICHER_CONSUMER).await.unwrap();
    let batch = consumer.batch().max_messages(messages).expires(Duration::from_secs(5)).messages().await;
    for message in batch.unwrap().try_collect::<Vec<_>>().await.unwrap() {
        message.ack_with(AckKind::Term).await.unwrap();
    }
    eventually("the broker has settled them", DEADLINE, async || {
        (consumer.get_info().await.unwrap().num_ack_pending == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_advisory_about_a_secondary_consumer_leaves_the_ledger_alone() {
    let stage = Stage::set().await;
    stage.publish((1..=3).map(|number| format!("lead-{number}"))).await;
    // One it never saw, one it was at work on, one it had done.
    admitted(&stage, 2, false).await;
    admitted(&stage, 3, true).await;
    terminate(&stage, 3).await;
    let recorder = stage.recorder().await;
    eventually("all are handled", DEADLINE, async || (recorder.account.completed() == 3).then_some(())).await;
    assert_eq!((stage.count(DEAD).await, stage.count(HANDLINGS_DEAD).await), (2, 2));
    assert_eq!(stage.count("select count(*) from webhook_events").await, 0);
    let mut connection = stage.pool().acquire().await.unwrap();
    let done = stage.bus.stored(STREAM, 3).await.unwrap().unwrap().envelope().id;
    let status = event_handlings::status(&mut connection, ENRICHER_CONSUMER, done).await.unwrap();
    assert_eq!(status, Some(Status::Completed));
    recorder.stop().await;
}

#[tokio::test]
async fn what_a_secondary_consumer_left_open_is_dead_when_it_will_not_come_again() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned(), "lead-2".to_owned()]).await;
    admitted(&stage, 1, false).await;
    let report = stage.pass().await;
    assert_eq!((report.secondaries[0].open, report.secondaries[0].stuck), (1, 0), "it is still to come");
    terminate(&stage, 2).await;
    let seen = stage.look().await;
    assert_eq!((seen.secondaries[0].stuck, seen.balances()), (1, false), "{seen:?}");
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((stage.count(DEAD).await, stage.count(HANDLINGS_DEAD).await), (1, 1));
}

#[tokio::test]
async fn what_a_secondary_consumer_left_open_is_dead_when_its_stream_is_gone() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    admitted(&stage, 1, false).await;
    stage.bus.jetstream().delete_stream(STREAM).await.unwrap();
    bus::Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    stage.publish(["another".to_owned()]).await;
    let report = stage.pass().await;
    assert_eq!(report.secondaries[0].stuck, 0, "{report:?}");
    let lost =
        "select count(*) from dead_letters where consumer = 'c2s-enricher' and reason_code = 'message_lost'
        and body is null and event_id = (select event_id from event_handlings)";
    assert_eq!(stage.count(lost).await, 1);
    assert_eq!(stage.count(HANDLINGS_DEAD).await, 1);
}

#[tokio::test]
async fn somebody_elses_consumer_makes_no_dead_letters() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    let stream = stage.bus.jetstream().get_stream(STREAM).await.unwrap();
    let config = pull::Config { durable_name: Some("curious".to_owned()), ..pull::Config::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await.unwrap();
    let batch = consumer.batch().max_messages(1).messages().await.unwrap();
    for message in batch.try_collect::<Vec<_>>().await.unwrap() {
        message.ack_with(AckKind::Term).await.unwrap();
    }
    let recorder = stage.recorder().await;
    eventually("it is handled", DEADLINE, async || (recorder.account.completed() == 1).then_some(())).await;
    assert_eq!(stage.count("select count(*) from dead_letters").await, 0);
    assert_eq!(stage.count("select count(*) from event_handlings").await, 0);
    recorder.stop().await;
}

#[tokio::test]
async fn an_event_that_a_secondary_consumer_settled_without_a_word_is_its_dead_letter() {
    let stage = Stage::set().await;
    // What it did before it was seen first may have been removed since.
    stage.publish(["lead-1".to_owned()]).await;
    terminate(&stage, 1).await;
    let actor = stage.actor().await;
    stage.until("select count(*) from webhook_events", 1).await;
    let report = stage.pass().await;
    assert_eq!((report.secondaries[0].unseen, report.healed.dead), (0, 0), "{report:?}");

    stage.publish((2..=4).map(|number| format!("lead-{number}"))).await;
    let (_, sent) = crate::given::headers("lead-5");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    crate::given::publish_raw(&stage.bus, "replay.c2s.c2s-leads.created", &sent, "lead-5").await;
    admitted(&stage, 3, true).await;
    terminate(&stage, 3).await;
    stage.until("select count(*) from webhook_events where status = 'completed'", 5).await;
    let (seen, report) = eventually("the books have come so far", DEADLINE, async || {
        let seen = stage.look().await;
        (seen.pending == 0).then_some(())?;
        Some((seen, stage.pass().await))
    })
    .await;
    assert_eq!((seen.secondaries[0].unseen, seen.balances()), (2, false), "{seen:?}");
    assert_eq!(report.healed.dead, 2, "{report:?}");
    assert!(report.balances(), "{report:?}");
    assert_eq!((stage.count(DEAD).await, stage.count(HANDLINGS_DEAD).await), (2, 2));
    assert_eq!(stage.count("select count(*) from webhook_events where status = 'completed'").await, 5);
    assert_eq!(stage.pass().await.healed, audit::Healed::default());
    actor.stop().await;
}

#[tokio::test]
async fn what_expired_before_a_secondary_consumer_wanted_it_is_nothing_it_owes() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.until("select count(*) from webhook_events", 1).await;
    stage.pass().await;
    stage.publish(["lead-2".to_owned(), "lead-3".to_owned()]).await;
    stage.until("select count(*) from webhook_events where status = 'completed'", 3).await;
    stage.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.completed, report.healed.dead, stage.count(DEAD).await), (3, 0, 0), "{report:?}");
    actor.stop().await;
}
