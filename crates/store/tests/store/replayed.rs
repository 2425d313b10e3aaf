//! Of an event and all its replays, one has effects.

use contract::{EventId, Replay};
use store::webhook_events::{
    Admitted::{self, Duplicate, Moot, New, Resumed},
    Reason, admit, completed, record_dead, record_failed,
};
use testkit::{Database, eventually};

use crate::given::{Given, INSTANT, NOW, admitted, event, scalar};

const REASON: Reason<'_> = Reason { code: contract::code::TIMEOUT, error: "too slow", headers: None };

/// A replay of `original`, in message `sequence`.
fn replay(original: &Given, sequence: u64) -> Given {
    let mut replay = original.sent_again(sequence);
    replay.envelope.dedup_key = format!("{}#{sequence}", original.envelope.dedup_key);
    let root = original.envelope.replayed_from.map_or(original.envelope.id, |replay| replay.root);
    replay.envelope.replayed_from = Some(Replay { root, ..Replay::from(original.envelope.id) });
    replay
}

fn forced(mut replay: Given) -> Given {
    if let Some(replay) = &mut replay.envelope.replayed_from {
        replay.force_effects = true;
    }
    replay
}

async fn dead(database: &Database, given: &Given) {
    let mut connection = database.pool().acquire().await.unwrap();
    record_dead(&mut connection, &given.event(), REASON, NOW).await.unwrap();
}

/// Which event had the effects in place of this one, as the ledger says.
async fn effects_by(database: &Database, given: &Given) -> Option<EventId> {
    let by: Option<uuid::Uuid> = sqlx::query_scalar("select effects_by from webhook_events where id = $1")
        .bind(given.envelope.id.0)
        .fetch_one(database.pool())
        .await
        .unwrap();
    by.map(EventId)
}

#[tokio::test]
async fn a_replay_of_a_completed_event_is_completed_without_effects_unless_they_are_forced() {
    let database = Database::create().await;
    let original = event("lead-1", INSTANT, 1);
    assert_eq!(admitted(database.pool(), &[&original]).await, [New]);
    let plain = replay(&original, 2);
    assert_eq!(admitted(database.pool(), &[&plain]).await, [Moot]);
    assert_eq!(admitted(database.pool(), &[&plain]).await, [Duplicate], "delivered again");
    assert_eq!(effects_by(&database, &plain).await, Some(original.envelope.id));
    let forced = forced(replay(&original, 3));
    assert_eq!(admitted(database.pool(), &[&forced]).await, [New]);
    assert_eq!(effects_by(&database, &forced).await, None);
    assert_eq!(effects_by(&database, &original).await, None);
    assert_eq!(
        scalar(database.pool(), "select count(*) from webhook_events where status = 'completed'").await,
        3
    );

    // What had effects of its own is told apart from what had none.
    let mut connection = database.pool().acquire().await.unwrap();
    let ids = [&original, &plain, &forced].map(|given| given.envelope.id);
    let completed = completed(&mut connection, &ids).await.unwrap();
    assert_eq!(completed, [original.envelope.id, forced.envelope.id].into());
}

#[tokio::test]
async fn of_all_replays_of_a_dead_event_the_first_has_effects() {
    let database = Database::create().await;
    let original = event("lead-1", INSTANT, 1);
    dead(&database, &original).await;
    let (first, second) = (replay(&original, 2), replay(&original, 3));
    // In one batch, and of a replay too.
    assert_eq!(admitted(database.pool(), &[&first, &second]).await, [New, Moot]);
    assert_eq!(admitted(database.pool(), &[&replay(&second, 4)]).await, [Moot]);
    for moot in [&original, &second] {
        assert_eq!(effects_by(&database, moot).await, Some(first.envelope.id));
    }
    assert_eq!(
        scalar(database.pool(), "select count(*) from webhook_events where status = 'dead_letter'").await,
        1,
        "the original stays what it was"
    );
}

#[tokio::test]
async fn a_replay_that_died_leaves_the_effects_to_the_next() {
    let database = Database::create().await;
    let original = event("lead-1", INSTANT, 1);
    dead(&database, &original).await;
    let first = replay(&original, 2);
    dead(&database, &first).await;
    let second = replay(&first, 3);
    assert_eq!(admitted(database.pool(), &[&second]).await, [New]);
    assert_eq!(effects_by(&database, &original).await, Some(second.envelope.id));
}

#[tokio::test]
async fn an_event_that_is_tried_again_after_its_replay_is_completed_without_effects() {
    let database = Database::create().await;
    let mut original = event("lead-1", INSTANT, 1);
    let mut connection = database.pool().acquire().await.unwrap();
    record_failed(&mut connection, &original.event(), REASON).await.unwrap();
    let replay = replay(&original, 2);
    assert_eq!(admitted(database.pool(), &[&replay]).await, [New]);
    original.attempt = 2;
    assert_eq!(admitted(database.pool(), &[&original]).await, [Moot]);
    assert_eq!(admitted(database.pool(), &[&original]).await, [Duplicate]);
    assert_eq!(effects_by(&database, &original).await, Some(replay.envelope.id));
    let open = "select count(*) from webhook_events where status <> 'completed'";
    assert_eq!(scalar(database.pool(), open).await, 0);
}

#[tokio::test]
async fn an_event_and_its_replay_in_one_batch_have_effects_once() {
    let database = Database::create().await;
    let (original, failed) = (event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2));
    let mut connection = database.pool().acquire().await.unwrap();
    record_failed(&mut connection, &failed.event(), REASON).await.unwrap();
    let (of_new, of_failed) = (replay(&original, 3), replay(&failed, 4));
    assert_eq!(
        admitted(database.pool(), &[&of_failed, &of_new, &failed, &original]).await,
        [Moot, Moot, Resumed { id: failed.envelope.id }, New]
    );
}

#[tokio::test]
async fn two_jobs_that_replay_a_dead_event_at_one_time_have_its_effects_once() {
    let database = Database::create().await;
    // An original that the ledger knows, and one that it does not know (any more).
    let (known, lost) = (event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2));
    dead(&database, &known).await;
    for original in [&known, &lost] {
        let (one, two) = (replay(original, 3), replay(original, 4));
        let behind_it = &[&two];
        let mut ahead = database.pool().begin().await.unwrap();
        assert_eq!(admit(&mut ahead, &[one.event()], NOW).await.unwrap(), [New]);
        let (behind, ()) = tokio::join!(admitted(database.pool(), behind_it), async {
            wait_for_a_lock(&database).await;
            ahead.commit().await.unwrap();
        });
        assert_eq!(behind, [Moot]);

        // When the one ahead fails, the one behind takes its place.
        sqlx::query("delete from webhook_events where replay_root = $1")
            .bind(original.envelope.id.0)
            .execute(database.pool())
            .await
            .unwrap();
        sqlx::query("update webhook_events set effects_by = null").execute(database.pool()).await.unwrap();
        let mut ahead = database.pool().begin().await.unwrap();
        assert_eq!(admit(&mut ahead, &[one.event()], NOW).await.unwrap(), [New]);
        let (behind, ()) = tokio::join!(admitted(database.pool(), behind_it), async {
            wait_for_a_lock(&database).await;
            ahead.rollback().await.unwrap();
        });
        assert_eq!(behind, [New]);
        assert_eq!(admitted(database.pool(), &[&one]).await, [Moot]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_with_events_and_replays_of_each_other_do_not_deadlock() {
    let database = Database::create().await;
    let given: Vec<_> =
        (0..100).map(|number| event(&format!("lead-{number:03}"), INSTANT, number + 1)).collect();
    let mut connection = database.pool().acquire().await.unwrap();
    for failed in &given {
        record_failed(&mut connection, &failed.event(), REASON).await.unwrap();
    }
    let replays: Vec<_> = given.iter().map(|given| replay(given, given.sequence + 1_000)).collect();
    let again: Vec<_> = given.iter().map(|given| replay(given, given.sequence + 2_000)).collect();
    // Each brings again what the other one replays.
    let one: Vec<&Given> = given.iter().take(50).chain(replays.iter().skip(50)).collect();
    let two: Vec<&Given> = again.iter().take(50).chain(given.iter().skip(50)).rev().collect();
    let (one, two) = tokio::join!(admitted(database.pool(), &one), admitted(database.pool(), &two));
    let effects = one.iter().chain(&two).filter(|admitted| Admitted::has_effects(**admitted)).count();
    assert_eq!(effects, 100);
}

async fn wait_for_a_lock(database: &Database) {
    eventually("a transaction waits for the other", std::time::Duration::from_secs(10), async || {
        let waiting = scalar(
            database.pool(),
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        (waiting.await > 0).then_some(())
    })
    .await;
}
