//! The audit finds and heals what no advisory tells.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use bus::{Topology, claim::Claims};
use contract::stream::{ADVISORIES, c2s::STREAM};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage};

const COMPLETED: &str = "select count(*) from webhook_events where status = 'completed'";
const DEAD: &str = "select count(*) from dead_letters where found_by = 'reconciler' and body is not null";

#[tokio::test]
async fn an_advisory_that_was_lost_with_the_broker_is_made_up_for() {
    let mut stage = Stage::set().await;
    stage.publish((1..=5).map(|number| format!("lead-{number}"))).await;
    // Nothing keeps the advisories when the broker gives up, and it ends right after: in good order, so that it knows
    // on its return that it has given up.
    stage.bus.jetstream().delete_stream(ADVISORIES).await.unwrap();
    stage.exhaust(5).await;
    stage.broker.stop();
    stage.broker.restart().await;
    stage.bus.connected().await;
    // A server that has just started does not answer every question yet.
    eventually("it is provisioned", DEADLINE, async || Topology::embedded().apply(&stage.bus, 1).await.ok())
        .await;
    stage.publish(["lead-6".to_owned()]).await;
    let actor = stage.actor().await;
    eventually("the sixth is done", DEADLINE, async || (stage.count(COMPLETED).await == 1).then_some(()))
        .await;

    let seen = stage.look().await;
    assert!(!seen.balances(), "{seen:?}");
    let report = eventually("all is accounted for", DEADLINE, async || {
        Some(stage.pass().await).filter(audit::Report::balances)
    })
    .await;
    assert_eq!((report.accepted, report.completed, report.dead), (6, 1, 5), "{report:?}");
    assert_eq!(stage.count(DEAD).await, 5);
    let exhausted = "select count(*) from dead_letters where reason_code = 'attempts_exhausted'";
    assert_eq!(stage.count(exhausted).await, 5);
    actor.stop().await;
}

#[tokio::test]
async fn a_position_that_nobody_handled_is_published_again_and_completed_once() {
    let stage = Stage::set().await;
    let ids = stage.publish((1..=5).map(|number| format!("lead-{number}"))).await;
    stage.settle_raw(5, || AckKind::Ack).await;
    let seen = stage.look().await;
    assert_eq!(seen.unaccounted, 5);
    let named: Vec<_> = seen.suspects.iter().filter_map(|suspect| suspect.event_id.clone()).collect();
    assert_eq!(named, ids.iter().map(ToString::to_string).collect::<Vec<_>>());

    let report = stage.pass().await;
    assert_eq!(report.healed.again, 5, "{report:?}");
    let actor = stage.actor().await;
    eventually("all are done", DEADLINE, async || (actor.account.completed() == 5).then_some(())).await;
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.completed, report.duplicates), (10, 5, 5));
    assert_eq!(report.healed, audit::Healed::default());
    let same = "select count(*) from webhook_events where stream_sequence > 5 and dedup_key = 'c2s:' || id";
    assert_eq!(stage.count(same).await, 5, "the same events under their own keys");
    actor.stop().await;
}

#[tokio::test]
async fn what_is_published_again_and_vanishes_again_is_dead() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.settle_raw(1, || AckKind::Ack).await;
    assert_eq!(stage.pass().await.healed.again, 1);
    stage.settle_raw(1, || AckKind::Ack).await;
    let report = stage.pass().await;
    assert_eq!((report.healed.again, report.healed.dead), (0, 1), "{report:?}");
    assert!(report.balances());
    assert_eq!((report.dead, report.duplicates), (1, 1));
}

#[tokio::test]
async fn an_event_that_failed_and_will_not_come_again_is_dead() {
    let stage = Stage::set().await;
    stage.publish(["fail-1".to_owned()]).await;
    let actor = stage.actor_who_waits(Duration::from_secs(2)).await;
    stage.until("select count(*) from webhook_events where status = 'failed'", 1).await;
    actor.stop().await;
    // The broker gives up between two attempts, and nobody hears of it.
    stage.bus.jetstream().delete_stream(ADVISORIES).await.unwrap();
    let consumer = stage.consumer(|_| {}).await;
    eventually("it comes once more", DEADLINE, async || {
        use futures::TryStreamExt as _;
        let batch =
            consumer.fetch().max_messages(1).expires(Duration::from_secs(1)).messages().await.unwrap();
        let batch: Vec<_> = batch.try_collect().await.unwrap();
        for message in &batch {
            message.ack_with(AckKind::Term).await.unwrap();
        }
        (!batch.is_empty()).then_some(())
    })
    .await;
    Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    let report = eventually("the broker has settled it", DEADLINE, async || {
        Some(stage.pass().await).filter(|report| report.healed.dead == 1)
    })
    .await;
    assert!(report.balances(), "{report:?}");
    let dead = "select count(*) from dead_letters where last_error like '%lead 7 fails%' and reason_code =
        'attempts_exhausted'";
    assert_eq!(stage.count(dead).await, 1);
}

#[tokio::test]
async fn a_second_audit_reads_only_what_is_new() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    stage.publish((1..=20).map(|number| format!("lead-{number}"))).await;
    eventually("all are done", DEADLINE, async || (actor.account.completed() == 20).then_some(())).await;
    assert!(stage.pass().await.balances());
    // Retention takes them away.
    sqlx::query("delete from webhook_events").execute(stage.pool()).await.unwrap();
    stage.publish(["lead-21".to_owned()]).await;
    eventually("it is done", DEADLINE, async || (actor.account.completed() == 21).then_some(())).await;
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.completed), (21, 21));
    actor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_under_traffic_finds_nothing() {
    let stage = Stage::set().await;
    let (actor, other) = (stage.actor().await, stage.actor().await);
    let publishing = async {
        for round in 0..20 {
            let bodies = (0..100).map(|number| match number % 20 {
                0 => format!("dead-{round}-{number}"),
                1 => format!("fail-{round}-{number}"),
                _ => format!("lead-{round}-{number}"),
            });
            stage.publish(bodies).await;
        }
    };
    let auditing = async {
        let mut audits = 0;
        while stage.count("select count(*) from webhook_events").await < 2_000 {
            let report = stage.pass().await;
            assert!(report.balances(), "{report:?}");
            assert_eq!(report.healed, audit::Healed::default());
            let sum = report.pending + report.completed + report.dead + report.duplicates;
            assert_eq!(report.accepted, sum, "{report:?}");
            audits += 1;
        }
        audits
    };
    let ((), audits) = tokio::join!(publishing, auditing);
    assert!(audits > 3, "{audits}");
    eventually("all is settled", DEADLINE, async || {
        let report = stage.pass().await;
        assert!(report.balances(), "{report:?}");
        (report.pending == 0).then_some(())
    })
    .await;
    let report = stage.look().await;
    assert_eq!((report.completed, report.dead), (1_800, 200), "{report:?}");
    assert_eq!(report.dead_letters_open, 200);
    actor.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_message_for_another_consumer_is_none_of_the_ledger() {
    let stage = Stage::set().await;
    let (_, sent) = crate::given::headers("lead-1");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    crate::given::publish_raw(&stage.bus, "replay.c2s.c2s-enricher.created", &sent, "lead-1").await;
    let actor = stage.actor().await;
    stage.publish(["lead-2".to_owned()]).await;
    eventually("it is done", DEADLINE, async || (actor.account.completed() == 1).then_some(())).await;
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.completed, report.directed), (2, 1, 1));
    actor.stop().await;
}

#[tokio::test]
async fn an_object_that_no_message_names_is_deleted_when_its_time_has_come() {
    let mut stage = Stage::set().await;
    let claims = Claims::new(&stage.bus, &stage.settings.nats);
    let name = claims.put(&"x".repeat(1_000).into()).await.unwrap();
    let audit = async |stage: &Stage, ahead: time::Duration| {
        let now = OffsetDateTime::now_utc() + ahead;
        stage.auditor().pass("brightdata", now).await.unwrap().unwrap()
    };
    stage.settings.dead_letters.audit.claim_orphan_hours = 48;
    let report = audit(&stage, time::Duration::hours(47)).await;
    assert_eq!((report.claims.unwrap().objects, report.healed.claims), (1, 0));
    let report = audit(&stage, time::Duration::hours(49)).await;
    assert_eq!(report.healed.claims, 1);
    assert!(claims.get(&name, 1_000_000).await.is_err());
}

#[tokio::test]
async fn the_service_audits_by_itself() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    stage.settle_raw(1, || AckKind::Ack).await;
    let service = stage.service(stage.settings.clone()).await;
    let actor = stage.actor().await;
    stage.until(COMPLETED, 1).await;
    let settled = "select count(*) from stream_accounts where stream = 'C2S' and settled_sequence = 2";
    stage.until(settled, 1).await;
    assert_eq!(stage.messages(STREAM).await, 2);
    actor.stop().await;
    service.stop().await;
}

#[tokio::test]
async fn what_an_audit_said_can_be_read_by_who_did_not_make_it() {
    let stage = Stage::set().await;
    stage.publish(["lead-1".to_owned()]).await;
    let auditor = stage.auditor();
    assert!(auditor.last("c2s").await.unwrap().is_none());
    let report = stage.pass().await;
    let lock = store::try_lock(stage.pool(), "audit.c2s").await.unwrap().unwrap();
    let now = OffsetDateTime::now_utc();
    assert!(auditor.pass("c2s", now).await.unwrap().is_none(), "somebody else is at it");
    let (last, at) = auditor.last("c2s").await.unwrap().unwrap();
    assert_eq!(last, report);
    assert!(at <= now);
    lock.release().await.unwrap();
}
