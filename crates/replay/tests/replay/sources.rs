//! Where bodies come from.

use bus::{Event, claim::BUCKET};
use bytes::Bytes;
use contract::{
    Envelope, EventId,
    brightdata::{DELIVERY, FORMAT_NDJSON, TYPE_PART},
    stream::{brightdata, ingest_subject},
};
use replay::Order;
use store::{
    dead_letters,
    webhook_events::{self, Position, Reason},
};
use time::OffsetDateTime;

use crate::given::{System, body, envelope, ids, of_events, of_letters};

#[tokio::test]
async fn without_its_dead_letter_the_ledger_has_the_body() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    system.execute("delete from dead_letters").await;
    system.remove_the_cause().await;
    let [replay] = system.replay(&[original], false).await[..] else { panic!("one replay") };
    assert_eq!(system.status(replay.0).await, "completed");
    system.stop().await;
}

#[tokio::test]
async fn without_its_body_a_dead_letter_is_read_from_the_stream_and_fails_when_that_is_gone_too() {
    let system = System::start().await;
    // As the recorder leaves what a secondary consumer gave up, when it could not read the message.
    for lead in ["lead-1", "lead-2"] {
        system.publish(lead).await;
    }
    system.settled().await;
    let letters = "insert into dead_letters (id, event_id, consumer, provider, source, event_type, subject, dedup_key,
            stream, stream_subject, stream_sequence, content_type, attempts, reason_code, fingerprint, received_at,
            first_failed_at, last_failed_at, found_by)
        select gen_random_uuid(), id, 'c2s-enricher', provider, source, event_type, subject, dedup_key, stream,
            stream_subject, stream_sequence, content_type, 5, 'attempts_exhausted', 'f', received_at, received_at,
            received_at, 'advisory'
        from webhook_events;
        delete from webhook_events";
    system.execute(letters).await;
    let stream = system.bus.jetstream().get_stream("C2S").await.unwrap();
    assert!(stream.delete_message(2).await.unwrap());

    let filter = dead_letters::Filter { consumer: Some("c2s-enricher"), ..Default::default() };
    let job = system.begin(&of_letters(filter), None, Order::default()).await;
    let _runner = system.runner();
    system.completed(&job).await;
    let progress = system.progress(&job).await;
    assert_eq!((progress.published, progress.failed), (1, 1));
    let mut connection = system.pool.acquire().await.unwrap();
    let refused = store::replays::refusals(&mut connection, job.id).await.unwrap();
    assert_eq!(refused[0].reason_code, "body_gone");
    let message = stream.get_raw_message(3).await.unwrap();
    assert_eq!(message.subject.as_str(), "replay.c2s.c2s-enricher.updated");
    assert_eq!(message.payload, body("lead-1"));
    let left = "select count(*) from dead_letters where status = 'dead'";
    assert_eq!(system.count(left).await, 1, "what was not published is dead still");
    drop(connection);
    system.stop().await;
}

/// An event whose body is an object that its message only names, dead in the ledger.
async fn claimed(system: &System, records: &Bytes) -> Envelope {
    let name = system.publisher.claims().put(records).await.unwrap();
    let claimed = Envelope {
        event_type: TYPE_PART.to_owned(),
        extensions: [("claim", name), ("format", FORMAT_NDJSON.to_owned())].into(),
        ..envelope(&body("x"))
    };
    let subject = ingest_subject(brightdata::PROVIDER, DELIVERY);
    let event = Event {
        stream: brightdata::STREAM,
        subject: subject.clone(),
        envelope: claimed.clone(),
        payload: Bytes::new(),
    };
    system.publisher.publish(event).await.unwrap();
    let mut connection = system.pool.acquire().await.unwrap();
    let event = webhook_events::Event {
        provider: brightdata::PROVIDER,
        envelope: &claimed,
        body: b"",
        lead_id: None,
        updated_at: None,
        position: Position { stream: brightdata::STREAM, subject: &subject, sequence: 1 },
        attempt: 1,
        trace_id: None,
    };
    let reason = Reason { code: contract::code::TIMEOUT, error: "too slow", headers: None };
    let now = OffsetDateTime::now_utc();
    webhook_events::record_dead(&mut connection, &event, reason, now).await.unwrap();
    claimed
}

/// The object expires before anybody replays the event.
async fn expire(system: &System, name: &str) {
    let bucket = system.bus.jetstream().get_object_store(BUCKET).await.unwrap();
    bucket.delete(name).await.unwrap();
}

#[tokio::test]
async fn a_body_that_a_message_only_names_is_kept_alive() {
    let system = System::start().await;
    let records = Bytes::from("{\"url\":\"https://example.com\"}\n".repeat(1_000));
    let claimed = claimed(&system, &records).await;
    let name = claimed.extensions["claim"].clone();
    let headers: Vec<_> = claimed.headers();
    sqlx::query(
        "insert into dead_letters (id, event_id, consumer, provider, source, event_type, subject, dedup_key,
            stream, stream_subject, stream_sequence, content_type, attempts, reason_code, fingerprint, received_at,
            first_failed_at, last_failed_at, found_by, body, headers)
        select gen_random_uuid(), id, 'brightdata-processor', provider, source, event_type, subject, dedup_key, stream,
            stream_subject, stream_sequence, content_type, 5, 'timeout', 'f', received_at, received_at,
            received_at, 'verdict', $1, $2
        from webhook_events",
    )
    .bind(records.to_vec())
    .bind(serde_json::to_value(headers).unwrap())
    .execute(&system.pool)
    .await
    .unwrap();
    expire(&system, &name).await;

    let named = ids(&[EventId(claimed.id.0)]);
    let job = system.begin(&of_events(&named), None, Order::default()).await;
    let _runner = system.runner();
    system.completed(&job).await;
    let stream = system.bus.jetstream().get_stream(brightdata::STREAM).await.unwrap();
    let message = stream.get_raw_message(2).await.unwrap();
    assert_eq!(message.headers.get("ce-claim").map(ToString::to_string), Some(name.clone()));
    assert!(message.payload.is_empty());
    assert_eq!(system.publisher.claims().get(&name, 1_000_000).await.unwrap(), records);
    system.stop().await;
}

#[tokio::test]
async fn an_event_whose_object_is_gone_is_refused_instead_of_sent_to_die() {
    let system = System::start().await;
    // Only the ledger knows of it, and the ledger keeps what the message held: the object's name.
    let claimed = claimed(&system, &Bytes::from_static(b"{\"url\":\"https://example.com\"}\n")).await;
    expire(&system, &claimed.extensions["claim"]).await;
    let named = ids(&[EventId(claimed.id.0)]);
    let job = system.begin(&of_events(&named), None, Order::default()).await;
    let _runner = system.runner();
    system.completed(&job).await;
    let mut connection = system.pool.acquire().await.unwrap();
    let refused = store::replays::refusals(&mut connection, job.id).await.unwrap();
    assert_eq!((refused[0].reason_code.as_str(), refused[0].count), ("body_gone", 1));
    drop(connection);
    let stream = system.bus.jetstream().get_stream(brightdata::STREAM).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 1, "nothing was published");
    system.stop().await;
}
