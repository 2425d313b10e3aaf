//! What an event does, and that it does it once.

use std::time::Duration;

use bus::Topology;
use contract::{
    EventId,
    stream::c2s::{LEADS_CONSUMER, STREAM},
};
use lifecycle::Shutdown;
use testkit::eventually;

use crate::given::{DEADLINE, Service, body, envelope, run};

#[tokio::test]
async fn an_event_becomes_a_ledger_row_a_lead_event_and_a_lead() {
    let service = Service::start().await;
    let sent = body("lead-1", "2026-01-20T10:00:00Z", "Joao");
    service.send(&sent).await;
    service.settled(1).await;
    assert_eq!(service.ledger().await, [("completed".to_owned(), 1, None, sent.into_bytes())]);
    let lead: (String, String, String) = sqlx::query_as(
        "select l.customer_name, l.status_alias, e.event_type
         from leads l join lead_events e on e.event_id = l.last_event_id join webhook_events w on w.id = e.event_id
         where l.updated_at = '2026-01-20T10:00:00Z' and w.lead_id = l.lead_id and w.updated_at = l.updated_at",
    )
    .fetch_one(&service.pool)
    .await
    .unwrap();
    assert_eq!(lead, ("Joao".to_owned(), "new".to_owned(), "c2s.lead.updated".to_owned()));
    service.stop().await;
}

#[tokio::test]
async fn a_duplicate_outside_every_window_has_no_second_effect() {
    let service = Service::start().await;
    let mut stream = service.bus.jetstream().get_stream(STREAM).await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.duplicate_window = Duration::from_millis(100);
    service.bus.jetstream().update_stream(&config).await.unwrap();

    service.send(&body("lead-1", "2026-01-20T10:00:00Z", "Joao")).await;
    // The same instant in another offset, from a provider that sends the event again until the stream takes it.
    let again = body("lead-1", "2026-01-20T07:00:00-03:00", "Other");
    eventually("the stream forgot the first", DEADLINE, async || {
        (!service.send(&again).await.duplicate).then_some(())
    })
    .await;
    service.settled(2).await;
    assert_eq!(service.count("select count(*) from webhook_events").await, 1);
    assert_eq!(service.count("select count(*) from lead_events").await, 1);
    assert_eq!(service.count("select count(*) from leads where customer_name = 'Joao'").await, 1);
    assert_eq!(service.count("select count(*) from webhook_event_duplicates").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_delivered_all_over_again_changes_nothing() {
    let service = Service::start().await;
    for number in 0..50 {
        let sent =
            body(&format!("lead-{}", number % 7), &format!("2026-01-20T10:00:{:02}Z", 59 - number), "Joao");
        service.send(&sent).await;
    }
    service.settled(50).await;
    service.stop().await;
    let state = "select md5(string_agg(l::text, ',' order by lead_id)) from leads l";
    let before: String = sqlx::query_scalar(state).fetch_one(&service.pool).await.unwrap();

    // As after a restored backup, or acknowledgements that were all lost.
    service.bus.jetstream().delete_consumer_from_stream(LEADS_CONSUMER, STREAM).await.unwrap();
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    let shutdown = Shutdown::default();
    let (account, _) = run(&service.bus, &service.pool, &shutdown).await;
    eventually("all came again", DEADLINE, async || (account.completed() == 50).then_some(())).await;

    let after: String = sqlx::query_scalar(state).fetch_one(&service.pool).await.unwrap();
    assert_eq!(before, after);
    assert_eq!(service.count("select count(*) from webhook_events where status = 'completed'").await, 50);
    assert_eq!(service.count("select count(*) from lead_events").await, 50);
    assert_eq!(service.count("select count(*) from webhook_event_duplicates").await, 0);
    shutdown.drain();
    shutdown.finished(DEADLINE).await;
}

#[tokio::test]
async fn events_of_a_lead_may_arrive_in_any_order() {
    let service = Service::start().await;
    for (minute, name) in [(1, "second"), (3, "last"), (0, "first"), (2, "third")] {
        service.send(&body("lead-1", &format!("2026-01-20T10:0{minute}:00Z"), name)).await;
    }
    service.settled(4).await;
    assert_eq!(service.count("select count(*) from leads where customer_name = 'last'").await, 1);
    assert_eq!(service.count("select count(*) from lead_events where lead_id = 'lead-1'").await, 4);
    service.stop().await;
}

#[tokio::test]
async fn a_replay_of_a_completed_event_has_a_row_and_no_second_effect() {
    let service = Service::start().await;
    let sent = body("lead-1", "2026-01-20T10:00:00Z", "Joao");
    let original = envelope(&sent);
    service.publish(original.clone(), &sent).await;
    let mut replay = original.clone();
    replay.id = EventId::generate();
    replay.dedup_key = format!("replay:{}", replay.id);
    replay.replayed_from = Some(original.id.into());
    service.publish(replay, &sent).await;
    service.settled(2).await;
    assert_eq!(service.ledger().await.len(), 2);
    assert_eq!(service.count("select count(*) from lead_events").await, 1);
    service.stop().await;
}
