//! Advisories become dead letters.

use async_nats::jetstream::AckKind;
use bus::{Topology, claim::Claims};
use contract::stream::{
    ADVISORIES, RESULTS, brightdata,
    c2s::{LEADS_CONSUMER, PROVIDER, STREAM},
};
use futures::TryStreamExt as _;
use prost::Message as _;
use results::{Common as _, v1::DeadLetterRecorded};
use serde_json::{Value, json};
use store::{
    dead_letters::{self, Filter, FoundBy, Status},
    webhook_events::{self, Reason},
};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage, TRACEPARENT, headers, publish_raw};

const DEAD: &str = "select count(*) from dead_letters";
const LEDGER_DEAD: &str = "select count(*) from webhook_events where status = 'dead_letter'";

#[tokio::test]
async fn an_advisory_that_comes_twice_is_one_dead_letter() {
    let stage = Stage::set().await;
    let (id, sent) = headers("lead-1");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    publish_raw(&stage.bus, "ingest.c2s.created", &sent, "lead-1").await;
    stage.exhaust(1).await;
    let advisories = stage.bus.jetstream().get_stream(ADVISORIES).await.unwrap();
    let advisory =
        eventually("the advisory is there", DEADLINE, async || advisories.direct_get(1).await.ok()).await;
    stage.bus.client().publish(advisory.subject.clone(), advisory.payload.clone()).await.unwrap();
    eventually("it came twice", DEADLINE, async || (stage.messages(ADVISORIES).await == 2).then_some(()))
        .await;

    let recorder = stage.recorder().await;
    eventually("both are handled", DEADLINE, async || (recorder.account.completed() == 2).then_some(()))
        .await;
    let mut connection = stage.pool().acquire().await.unwrap();
    let letters = dead_letters::list(&mut connection, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let stored = dead_letters::find(&mut connection, letters[0].id).await.unwrap().unwrap();
    let letter = &stored.letter;
    assert_eq!((letter.event_id, letter.consumer.as_str(), letter.attempts), (id.0, LEADS_CONSUMER, 2));
    assert_eq!((letter.reason_code.as_str(), letter.found_by), ("attempts_exhausted", FoundBy::Advisory));
    assert_eq!((letter.status, letter.provider.as_str()), (Status::Dead, PROVIDER));
    assert_eq!(letter.trace_id.as_deref(), TRACEPARENT.split('-').nth(1));
    assert_eq!(letter.event_type, "c2s.lead.created");
    assert_eq!(stored.body.as_deref(), Some("lead-1".as_bytes()));
    let mut expected: Vec<(String, String)> =
        sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    expected.sort();
    assert_eq!(stored.headers, Some(expected), "all headers, and none of the server's own");
    let row = webhook_events::find(&mut connection, id.0).await.unwrap().unwrap();
    assert_eq!(row.event.status, webhook_events::Status::DeadLetter);
    assert_eq!(row.event.error_code.as_deref(), Some("attempts_exhausted"));
    recorder.stop().await;
}

#[tokio::test]
async fn a_message_that_is_gone_is_recorded_with_what_the_ledger_has() {
    let stage = Stage::set().await;
    let ids = stage.publish(["known".to_owned(), "unknown".to_owned()]).await;
    // The first failed once, on record.
    let stored = stage.bus.stored(STREAM, 1).await.unwrap().unwrap();
    let envelope = stored.envelope();
    let event = webhook_events::Event {
        provider: PROVIDER,
        envelope: &envelope,
        body: &stored.payload,
        lead_id: None,
        updated_at: None,
        position: webhook_events::Position { stream: STREAM, subject: &stored.subject, sequence: 1 },
        attempt: 1,
        trace_id: None,
    };
    let mut connection = stage.pool().acquire().await.unwrap();
    let reason = Reason { code: contract::code::TIMEOUT, error: "timeout: too slow", headers: None };
    webhook_events::record_failed(&mut connection, &event, reason).await.unwrap();
    stage.settle_raw(2, || AckKind::Term).await;
    stage.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();

    let recorder = stage.recorder().await;
    stage.until(DEAD, 2).await;
    let letters = dead_letters::pages(&mut connection, &Filter::default(), None, 10).await.unwrap();
    let of = |sequence| letters.iter().find(|stored| stored.letter.stream_sequence == sequence).unwrap();
    let known = of(1);
    assert_eq!(known.letter.event_id, ids[0].0);
    assert_eq!(known.body.as_deref(), Some("known".as_bytes()));
    assert_eq!(known.letter.last_error.as_deref(), Some("timeout: too slow"));
    let unknown = of(2);
    assert_eq!(unknown.body, None);
    assert!(unknown.letter.last_error.as_deref().unwrap().contains("gone before it could be copied"));
    assert_eq!(stage.count(LEDGER_DEAD).await, 2, "no position is unaccounted for");
    recorder.stop().await;
}

#[tokio::test]
async fn what_is_completed_is_never_turned_dead() {
    let stage = Stage::set().await;
    stage.publish((1..=3).map(|number| format!("lead-{number}"))).await;
    // Committed, and every acknowledgement lost.
    let mut transaction = stage.pool().begin().await.unwrap();
    for sequence in 1..=3 {
        let stored = stage.bus.stored(STREAM, sequence).await.unwrap().unwrap();
        let envelope = stored.envelope();
        let event = webhook_events::Event {
            provider: PROVIDER,
            envelope: &envelope,
            body: &stored.payload,
            lead_id: None,
            updated_at: None,
            position: webhook_events::Position { stream: STREAM, subject: &stored.subject, sequence },
            attempt: 1,
            trace_id: None,
        };
        webhook_events::admit(&mut transaction, &[event], OffsetDateTime::now_utc()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    stage.exhaust(3).await;
    let recorder = stage.recorder().await;
    eventually("all are handled", DEADLINE, async || (recorder.account.completed() == 3).then_some(())).await;
    assert_eq!(stage.count(DEAD).await, 0);
    assert_eq!(stage.count("select count(*) from webhook_events where status = 'completed'").await, 3);
    recorder.stop().await;
}

#[tokio::test]
async fn a_repeat_that_dies_is_accounted_for_and_the_original_stays_completed() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    let (_, mut sent) = headers("lead-1");
    let publish = async |sent: &[(String, String)]| {
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        publish_raw(&stage.bus, "ingest.c2s.created", &sent, "lead-1").await;
    };
    publish(&sent).await;
    eventually("it is done", DEADLINE, async || (actor.account.completed() == 1).then_some(())).await;
    actor.stop().await;
    // The provider sends it again when the stream has forgotten it: another id, the same key.
    stage.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();
    let other = contract::EventId::generate().to_string();
    for (name, value) in &mut sent {
        match name.as_str() {
            "ce-id" => value.clone_from(&other),
            "Nats-Msg-Id" => "elsewhere".clone_into(value),
            _ => {}
        }
    }
    let original: String =
        sqlx::query_scalar("select dedup_key from webhook_events").fetch_one(stage.pool()).await.unwrap();
    sent.push(("weir-dedup-key".to_owned(), original));
    publish(&sent).await;
    stage.settle_raw(1, || AckKind::Term).await;
    let recorder = stage.recorder().await;
    eventually("it is handled", DEADLINE, async || (recorder.account.completed() == 1).then_some(())).await;
    assert_eq!(stage.count(DEAD).await, 0);
    assert_eq!(
        stage.count("select count(*) from webhook_event_duplicates where stream_sequence = 2").await,
        1
    );
    recorder.stop().await;
}

#[tokio::test]
async fn a_body_in_the_object_store_is_copied() {
    let stage = Stage::set().await;
    let body = "x".repeat(2_000_000);
    let name = Claims::new(&stage.bus, &stage.settings.nats).put(&body.clone().into()).await.unwrap();
    let (_, mut sent) = headers("snapshot");
    sent.push(("ce-claim".to_owned(), name));
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    publish_raw(&stage.bus, "ingest.brightdata.delivery", &sent, "").await;
    let stream = stage.bus.jetstream().get_stream(brightdata::STREAM).await.unwrap();
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        stream.get_consumer(brightdata::PROCESSOR_CONSUMER).await.unwrap();
    let messages: Vec<_> =
        consumer.fetch().max_messages(1).messages().await.unwrap().try_collect().await.unwrap();
    messages[0].ack_with(AckKind::Term).await.unwrap();
    let recorder = stage.recorder().await;
    stage.until("select count(*) from dead_letters where octet_length(body) = 2000000", 1).await;
    recorder.stop().await;
}

#[tokio::test]
async fn a_dead_letter_is_told_once() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned(), "lead-2".to_owned()]).await;
    stage.settle_raw(2, || AckKind::Term).await;
    let (one, two) = (stage.recorder().await, stage.recorder().await);
    stage.until("select count(*) from dead_letters where announced_at is not null", 2).await;
    // As after a crash before that was noted.
    sqlx::query("update dead_letters set announced_at = null").execute(stage.pool()).await.unwrap();
    stage.until("select count(*) from dead_letters where announced_at is not null", 2).await;
    one.stop().await;
    two.stop().await;
    let results = stage.bus.jetstream().get_stream(RESULTS).await.unwrap();
    assert_eq!(results.cached_info().state.messages, 2);
    let told = results.direct_get(1).await.unwrap();
    assert_eq!(told.subject.as_str(), DeadLetterRecorded::subject(PROVIDER));
    let told = DeadLetterRecorded::decode(told.payload.as_ref()).unwrap();
    assert_eq!((told.reason_code.as_str(), told.has_body), ("terminated", true));
}

#[tokio::test]
async fn what_no_advisory_can_be_read_from_is_left_alone() {
    let stage = Stage::set().await;
    let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{STREAM}.{LEADS_CONSUMER}");
    for body in ["no json", "{}", r#"{"type":"io.nats.jetstream.advisory.v1.max_deliver"}"#] {
        stage.bus.client().publish(subject.clone(), body.into()).await.unwrap();
    }
    let foreign: Value = json!({"type": "io.nats.jetstream.advisory.v1.terminated", "id": "x", "stream": "OTHER",
        "timestamp": "2026-11-22T05:08:07Z", "consumer": "x", "stream_seq": 1, "deliveries": 1});
    stage.bus.client().publish(subject, foreign.to_string().into()).await.unwrap();
    let recorder = stage.recorder().await;
    // Its own terminations are told to it, too: they end with the first round.
    eventually("all are settled", DEADLINE, async || {
        (recorder.account.dead() == 3 && recorder.account.completed() == 4).then_some(())
    })
    .await;
    assert_eq!(stage.count(DEAD).await, 0);
    recorder.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_made_anew_does_not_confuse_its_positions() {
    let stage = Stage::set().await;
    stage.publish(["old".to_owned()]).await;
    stage.settle_raw(1, || AckKind::Term).await;
    eventually("the advisory is there", DEADLINE, async || {
        (stage.messages(ADVISORIES).await == 1).then_some(())
    })
    .await;
    let jetstream = stage.bus.jetstream();
    jetstream.delete_stream(STREAM).await.unwrap();
    Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    stage.publish(["new".to_owned()]).await;
    let recorder = stage.recorder().await;
    stage.until(DEAD, 1).await;
    let body: Option<Vec<u8>> =
        sqlx::query_scalar("select body from dead_letters").fetch_one(stage.pool()).await.unwrap();
    assert_eq!(body, None, "what lies there now is another event");
    recorder.stop().await;
    // And the other way round: the old dead letter does not hide the new one's.
    stage.settle_raw(1, || AckKind::Term).await;
    let recorder = stage.recorder().await;
    stage.until("select count(*) from dead_letters where convert_from(body, 'UTF8') = 'new'", 1).await;
    recorder.stop().await;
}
