//! What a stream loses.

use bus::Topology;
use contract::stream::c2s::{PROVIDER, STREAM};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage};

#[tokio::test]
async fn what_is_purged_before_it_was_done_is_told_until_somebody_acknowledges_it() {
    let stage = Stage::set().await;
    stage.publish((1..=4).map(|number| format!("lead-{number}"))).await;
    let actor = stage.actor().await;
    eventually("they are done", DEADLINE, async || (actor.account.completed() == 4).then_some(())).await;
    actor.stop().await;
    stage.publish((5..=9).map(|number| format!("lead-{number}"))).await;
    stage.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();
    let seen = stage.look().await;
    assert_eq!((seen.unaccounted, seen.balances()), (5, false), "{seen:?}");
    assert_eq!(seen.suspects.iter().map(|suspect| suspect.sequence).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    let report = stage.pass().await;
    assert_eq!((report.accepted, report.completed, report.unaccounted), (9, 4, 5), "{report:?}");
    assert_eq!((report.losses[0].first_sequence, report.losses[0].last_sequence), (5, 9));
    assert_eq!(stage.pass().await.unaccounted, 5, "still");

    let mut connection = stage.pool().acquire().await.unwrap();
    let now = OffsetDateTime::now_utc();
    let acknowledged =
        store::lost_positions::acknowledge(&mut connection, Some(PROVIDER), "purged on purpose", now).await;
    assert_eq!(acknowledged.unwrap(), 5);
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!(report.acknowledged, 5);
}

#[tokio::test]
async fn a_stream_that_is_deleted_with_events_in_it_loses_them_and_is_told() {
    let stage = Stage::set().await;
    stage.publish((1..=3).map(|number| format!("lead-{number}"))).await;
    let actor = stage.actor().await;
    eventually("they are done", DEADLINE, async || (actor.account.completed() == 3).then_some(())).await;
    actor.stop().await;
    stage.publish(["lead-4".to_owned(), "lead-5".to_owned()]).await;
    let report = stage.pass().await;
    assert!(report.balances());
    assert_eq!((report.pending, report.completed), (2, 3));

    stage.bus.jetstream().delete_stream(STREAM).await.unwrap();
    Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    stage.publish(["lead-6".to_owned()]).await;
    let actor = stage.actor().await;
    eventually("it is done", DEADLINE, async || (actor.account.completed() == 1).then_some(())).await;
    actor.stop().await;
    let report = stage.pass().await;
    assert_eq!((report.accepted, report.completed, report.unaccounted), (6, 4, 2), "{report:?}");
    assert_eq!(report.losses.len(), 1);
    assert_eq!((report.losses[0].first_sequence, report.losses[0].last_sequence), (4, 5));
}

#[tokio::test]
async fn an_event_that_failed_on_a_stream_that_is_no_more_is_dead() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.pass().await;
    sqlx::query(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, status, attempts, error_code,
            error_message, body, content_type, stream, stream_subject, stream_sequence, received_at)
        values (gen_random_uuid(), 'c2s', '/', 'c2s.lead.created', 'k', 'failed', 1, 'timeout', 'timeout: slow',
            'lead-1', 'application/json', 'C2S', 'ingest.c2s.created', 1, now() - interval '1 hour')",
    )
    .execute(stage.pool())
    .await
    .unwrap();
    stage.bus.jetstream().delete_stream(STREAM).await.unwrap();
    Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    let dead = "select count(*) from dead_letters where reason_code = 'message_lost' and last_error = 'timeout: slow'
        and convert_from(body, 'UTF8') = 'lead-1' and found_by = 'reconciler'";
    assert_eq!(stage.count(dead).await, 1);
}
