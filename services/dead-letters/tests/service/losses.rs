//! What a stream loses.

use std::{fs, path::Path};

use async_nats::jetstream::AckKind;
use audit::SetBack;
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

#[tokio::test]
async fn what_was_purged_in_somebodys_hands_and_is_committed_after_all_is_no_loss() {
    let mut stage = Stage::set().await;
    stage.settings.dead_letters.audit.grace_ms = 60_000;
    let auditor = stage.auditor();
    let pass = async |ahead: i64| {
        let now = OffsetDateTime::now_utc() + time::Duration::seconds(ahead);
        auditor.pass(PROVIDER, now).await.unwrap().unwrap()
    };
    stage.publish((1..=3).map(|number| format!("lead-{number}"))).await;
    let held: Vec<_> = [
        stage.bus.stored(STREAM, 1).await.unwrap().unwrap(),
        stage.bus.stored(STREAM, 2).await.unwrap().unwrap(),
    ]
    .into();
    stage.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();
    let report = pass(0).await;
    assert_eq!((report.unaccounted, report.losses.len()), (3, 0), "told, and not yet on record: {report:?}");
    stage.admit(&held).await;
    let report = pass(30).await;
    assert_eq!((report.completed, report.unaccounted, report.losses.len()), (2, 1, 0), "{report:?}");
    let report = pass(61).await;
    assert_eq!((report.losses[0].first_sequence, report.losses[0].last_sequence), (3, 3), "{report:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_that_was_set_back_is_told_with_what_to_do() {
    let mut stage = Stage::set().await;
    let folder = stage.broker.log().parent().unwrap().to_path_buf();
    let (store, backup) = (folder.join("store"), folder.join("backup"));
    let complete = async |stage: &Stage, leads: std::ops::RangeInclusive<i32>| {
        let actor = stage.actor().await;
        let count = u64::try_from(leads.clone().count()).unwrap();
        stage.publish(leads.map(|number| format!("lead-{number}"))).await;
        eventually("they are done", DEADLINE, async || (actor.account.completed() == count).then_some(()))
            .await;
        actor.stop().await;
    };
    complete(&stage, 1..=3).await;
    stage.broker.stop();
    copy(&store, &backup);
    stage.restart_broker().await;
    complete(&stage, 4..=5).await;
    stage.publish(["lead-6".to_owned()]).await;
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.completed, report.pending), (6, 5, 1));

    stage.broker.stop();
    fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    stage.restart_broker().await;
    let report = stage.pass().await;
    assert_eq!(report.set_back, Some(SetBack { reached: 6, ends_at: 3 }), "{report:?}");
    assert!(!report.balances());
    assert_eq!((report.accepted, report.completed, report.unaccounted), (6, 5, 1), "{report:?}");
    sqlx::query("delete from stream_accounts").execute(stage.pool()).await.unwrap();
    let report = stage.look().await;
    assert_eq!(
        report.set_back,
        Some(SetBack { reached: 5, ends_at: 3 }),
        "the ledger knows, too: {report:?}"
    );
    stage.pass().await;

    // What `weir audit` says to do: no position is given out twice.
    let stream = stage.bus.jetstream().get_stream(STREAM).await.unwrap();
    stream.purge().sequence(7).await.unwrap();
    complete(&stage, 7..=7).await;
    let report = stage.pass().await;
    assert_eq!((report.set_back, report.accepted, report.completed), (None, 7, 6), "{report:?}");
    assert_eq!((report.unaccounted, report.losses.len()), (1, 1));
    assert_eq!((report.losses[0].first_sequence, report.losses[0].last_sequence), (6, 6));
}

#[tokio::test]
async fn what_waits_behind_a_consumer_that_has_not_heard_of_it_is_not_settled() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.settle_raw(1, || AckKind::Ack).await;
    let (_, sent) = crate::given::headers("lead-2");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    crate::given::publish_raw(&stage.bus, "replay.c2s.c2s-enricher.created", &sent, "lead-2").await;
    stage.publish(["lead-3".to_owned()]).await;
    crate::given::publish_raw(&stage.bus, "replay.c2s.c2s-enricher.created", &sent[..0], "lead-4").await;
    let report = stage.pass().await;
    // The first is settled and healed; the second is another consumer's; the rest waits behind the third.
    assert_eq!((report.directed, report.healed.again), (1, 1), "{report:?}");
    assert_eq!((report.duplicates, report.pending), (1, 3), "{report:?}");
}
