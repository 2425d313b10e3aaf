//! What is selected, and what is refused.

use contract::{EventId, code};
use replay::{Order, PlanError, Selection, StartError};
use store::{
    dead_letters, failure_groups,
    webhook_events::{self, Filter, Status},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::given::{FAST, System, body, envelope, ids, of_events, of_letters};

#[tokio::test]
async fn a_filter_selects_exactly_what_it_lists() {
    let system = System::start().await;
    for lead in ["lead-1", "lead-2", "poison-1", "poison-2"] {
        system.publish(lead).await;
    }
    let mut old = envelope(&body("lead-old"));
    old.time = OffsetDateTime::now_utc() - Duration::DAY;
    old.event_type = "c2s.lead.created".to_owned();
    let old = system.publish_as(old, &body("lead-old")).await;
    system.settled().await;
    let key = envelope(&body("lead-2")).dedup_key;
    let hour_ago = OffsetDateTime::now_utc() - Duration::HOUR;
    let all = Filter { provider: Some("c2s"), ..Filter::default() };
    let mut connection = system.pool.acquire().await.unwrap();
    let groups = failure_groups::list(&mut connection, None, None, false, 10).await.unwrap();
    let one = [old.0];
    for (filter, count) in [
        (all, 5),
        (Filter { status: Some(Status::DeadLetter), ..all }, 2),
        (Filter { reason: Some("not_storable"), ..all }, 2),
        (Filter { group: Some(&groups[0].fingerprint), ..all }, 2),
        (Filter { event_type: Some("c2s.lead.created"), ..all }, 1),
        (Filter { since: Some(hour_ago), ..all }, 4),
        (Filter { until: Some(hour_ago), ..all }, 1),
        (Filter { subject: Some("lead-1"), ..all }, 1),
        (Filter { dedup_key: Some(&key), ..all }, 1),
        (Filter { text: Some(r#""id":"lead-"#), ..all }, 3),
        (Filter { ids: Some(&one), ..Filter::default() }, 1),
        (Filter { provider: Some("instagram"), ..Filter::default() }, 0),
    ] {
        let listed = webhook_events::list(&mut connection, &filter, None, 100).await.unwrap();
        let mut listed: Vec<Uuid> = listed.into_iter().map(|event| event.id).collect();
        listed.sort_unstable();
        let plan = system.plan(&Selection::Events(filter), None).await;
        let planned: Vec<_> = plan.items.iter().map(|item| item.candidate.event_id).collect();
        assert_eq!(planned, listed, "{filter:?}");
        assert_eq!(planned.len(), count, "{filter:?}");
    }
    system.stop().await;
}

#[tokio::test]
async fn an_empty_filter_is_refused() {
    let system = System::start().await;
    system.send("lead-1").await;
    let mut connection = system.pool.acquire().await.unwrap();
    for selection in [
        Selection::Events(Filter::default()),
        Selection::Letters(dead_letters::Filter::default()),
        Selection::Letters(dead_letters::Filter {
            status: Some(dead_letters::Status::Dead),
            ..Default::default()
        }),
    ] {
        let error = replay::plan(&mut connection, &selection, None).await.unwrap_err();
        assert!(matches!(error, PlanError::EmptyFilter), "{error}");
    }
    system.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let system = System::start().await;
    let known = system.send("lead-1").await;
    let mut connection = system.pool.acquire().await.unwrap();
    let unknown = ids(&[known, EventId::generate()]);
    let error = replay::plan(&mut connection, &of_events(&unknown), None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no event {}", unknown[1]));
    let named = ids(&[known]);
    let error = replay::plan(&mut connection, &of_events(&named), Some("c2s")).await.unwrap_err();
    assert!(error.to_string().contains("c2s-enricher, c2s-leads"), "{error}");
    system.stop().await;
}

#[tokio::test]
async fn what_can_never_succeed_is_refused_with_its_reason() {
    let system = System::start().await;
    let good = system.send("lead-1").await;
    let rejected = system.send_rejected("lead-2", code::MISSING_UPDATED_AT, r#"{"id":"lead-2"}"#).await;
    let mut strange = async_nats::HeaderMap::new();
    strange.insert("odd", "1");
    let sent = system.bus.jetstream().publish_with_headers("ingest.c2s.other", strange, "x".into());
    sent.await.unwrap().await.unwrap();
    system.settled().await;

    let all = Selection::Events(Filter { since: Some(OffsetDateTime::UNIX_EPOCH), ..Filter::default() });
    let plan = system.plan(&all, None).await;
    assert_eq!(plan.publishable(), 1);
    let refusals = plan.refusals();
    let codes: Vec<_> = refusals.iter().map(|(code, (count, _))| (*code, *count)).collect();
    assert_eq!(codes, [("envelope_invalid", 1), ("rejected", 1)]);
    assert!(refusals["rejected"].1.contains("missing_updated_at"), "{refusals:?}");
    let letters = of_letters(dead_letters::Filter { provider: Some("c2s"), ..Default::default() });
    assert_eq!(system.plan(&letters, None).await.publishable(), 0);

    // A consumer of another stream.
    let named = ids(&[good]);
    let plan = system.plan(&of_events(&named), Some("instagram-handler")).await;
    assert_eq!(plan.refusals().keys().collect::<Vec<_>>(), [&"other_stream"]);
    // A job with nothing to do is none.
    let named = ids(&[rejected]);
    let plan = system.plan(&of_events(&named), None).await;
    let mut connection = system.pool.acquire().await.unwrap();
    let (nothing, now) = (serde_json::Value::Null, OffsetDateTime::now_utc());
    let started = replay::start(&mut connection, &plan, &nothing, None, &Order::default(), None, now).await;
    assert!(matches!(started, Err(StartError::Nothing)), "{started:?}");
    system.stop().await;
}

#[tokio::test]
async fn of_an_event_and_its_replays_the_newest_is_replayed() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    let [first] = system.replay(&[original], false).await[..] else { panic!("one replay") };
    let dead = Selection::Events(Filter { status: Some(Status::DeadLetter), ..Filter::default() });
    let plan = system.plan(&dead, None).await;
    let publishable: Vec<_> = plan.items.iter().filter(|item| item.refusal.is_none()).collect();
    assert_eq!(publishable.len(), 1);
    assert_eq!(publishable[0].candidate.event_id, first.0);
    assert_eq!(plan.refusals()["superseded"].0, 1);
    system.stop().await;
}

#[tokio::test]
async fn a_group_of_failures_is_replayed_and_its_neighbours_are_not() {
    let system = System::start().await;
    for number in 0..5 {
        system.publish(&format!("poison-{number}")).await;
    }
    let other = system.send_rejected("lead-9", code::MALFORMED, "{").await;
    system.remove_the_cause().await;
    let mut connection = system.pool.acquire().await.unwrap();
    let groups = failure_groups::list(&mut connection, None, None, false, 10).await.unwrap();
    assert_eq!(groups.len(), 2);
    let group = groups.iter().find(|group| group.reason_code == "not_storable").unwrap();
    let filter = dead_letters::Filter { fingerprint: Some(&group.fingerprint), ..Default::default() };
    let order = Order { rate_per_second: FAST, ..Order::default() };
    let job = system.begin(&of_letters(filter), None, order).await;
    assert_eq!(job.total, 5);
    let _runner = system.runner();
    system.completed(&job).await;
    system.settled().await;
    assert_eq!(system.count("select count(*) from leads").await, 5);
    let open = "select count(*) from dead_letters where status = 'dead'";
    assert_eq!(system.count(open).await, 1);
    assert_eq!(system.status(other.0).await, "dead_letter");
    system.stop().await;
}
