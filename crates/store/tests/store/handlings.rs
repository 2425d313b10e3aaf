//! What secondary consumers make of events.

use contract::{EventId, code};
use sqlx::PgConnection;
use store::{
    event_handlings::{
        Admitted::{self, New, Resumed, Settled},
        admit, complete, record_dead, record_failed, status,
    },
    webhook_events::{Reason, Status},
};
use testkit::Database;
use time::Duration;

use crate::given::{Given, INSTANT, NOW, event, scalar};

const CONSUMER: &str = "c2s-enricher";
const FAILED: Reason<'_> = Reason { code: code::TIMEOUT, error: "too slow", headers: None };
const DEAD: Reason<'_> =
    Reason { code: code::ATTEMPTS_EXHAUSTED, error: "five times too slow", headers: None };

async fn admitted(connection: &mut PgConnection, given: &[&Given]) -> Vec<Admitted> {
    let events: Vec<_> = given.iter().map(|given| given.event()).collect();
    admit(connection, CONSUMER, &events, NOW).await.unwrap()
}

#[tokio::test]
async fn a_secondary_consumer_acts_once_on_an_event_however_often_it_comes() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (first, second) = (event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2));
    let later = first.sent_again(3);
    assert_eq!(
        admitted(&mut connection, &[&second, &first, &first, &later]).await,
        [New, New, Settled, Settled]
    );
    // Not completed: the next attempt takes over, one of them alone.
    assert_eq!(admitted(&mut connection, &[&first, &first]).await, [Resumed, Settled]);
    let ids = [first.envelope.id, second.envelope.id];
    assert_eq!(complete(&mut connection, CONSUMER, &ids, NOW).await.unwrap(), 2);
    assert_eq!(complete(&mut connection, CONSUMER, &ids, NOW).await.unwrap(), 0);
    assert_eq!(
        admitted(&mut connection, &[&first, &second, &later, &first.sent_again(4)]).await,
        [Settled; 4]
    );
    let repeats =
        scalar(database.pool(), "select count(*) from event_handlings where duplicate_of is not null").await;
    assert_eq!(repeats, 2, "every message has a row of its own");
    assert_eq!(scalar(database.pool(), "select count(*) from webhook_events").await, 0, "never the ledger");
}

#[tokio::test]
async fn consumers_do_not_see_each_others_handlings() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    assert_eq!(admitted(&mut connection, &[&given]).await, [New]);
    let other = admit(&mut connection, "zapier-dispatcher", &[given.event()], NOW).await.unwrap();
    assert_eq!(other, [New]);
    complete(&mut connection, CONSUMER, &[given.envelope.id], NOW).await.unwrap();
    let open = status(&mut connection, "zapier-dispatcher", given.envelope.id).await.unwrap();
    assert_eq!(open, Some(Status::Processing));
    assert_eq!(status(&mut connection, CONSUMER, EventId::generate()).await.unwrap(), None);
}

#[tokio::test]
async fn a_handling_that_is_settled_is_never_undone() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let completed = event("lead-1", INSTANT, 1);
    assert_eq!(admitted(&mut connection, &[&completed]).await, [New]);
    complete(&mut connection, CONSUMER, &[completed.envelope.id], NOW).await.unwrap();
    let recorded = record_failed(&mut connection, CONSUMER, &completed.event(), FAILED, NOW).await.unwrap();
    assert!(!recorded);
    assert!(!record_dead(&mut connection, CONSUMER, &completed.event(), DEAD, NOW).await.unwrap());
    let copy = completed.sent_again(2);
    assert!(!record_dead(&mut connection, CONSUMER, &copy.event(), DEAD, NOW).await.unwrap());
    for id in [completed.envelope.id, copy.envelope.id] {
        assert_eq!(status(&mut connection, CONSUMER, id).await.unwrap(), Some(Status::Completed));
    }

    let mut dead = event("lead-2", INSTANT, 3);
    for attempt in 1..=3 {
        dead.attempt = attempt;
        assert!(record_failed(&mut connection, CONSUMER, &dead.event(), FAILED, NOW).await.unwrap());
    }
    let later = NOW + Duration::HOUR;
    assert!(record_dead(&mut connection, CONSUMER, &dead.event(), DEAD, later).await.unwrap());
    assert!(!record_failed(&mut connection, CONSUMER, &dead.event(), FAILED, later).await.unwrap());
    assert_eq!(complete(&mut connection, CONSUMER, &[dead.envelope.id], later).await.unwrap(), 0);
    assert_eq!(admitted(&mut connection, &[&dead]).await, [Settled]);
    let attempts =
        scalar(database.pool(), "select attempts::bigint from event_handlings where status = 'dead_letter'");
    assert_eq!(attempts.await, 3);
}

#[tokio::test]
async fn two_transactions_with_the_same_event_hand_it_to_one() {
    let database = Database::create().await;
    let given = event("lead-1", INSTANT, 1);
    let mut first = database.pool().begin().await.unwrap();
    assert_eq!(admitted(&mut first, &[&given]).await, [New]);
    let pool = database.pool().clone();
    let copy = given.sent_again(2);
    let second = async {
        let mut transaction = pool.begin().await.unwrap();
        let admitted = admitted(&mut transaction, &[&copy]).await;
        transaction.commit().await.unwrap();
        admitted
    };
    let (second, committed) = tokio::join!(second, first.commit());
    committed.unwrap();
    assert_eq!(second, [Settled]);
}

#[tokio::test]
async fn of_an_event_and_its_replays_one_is_acted_on() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (done, dead) = (event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2));
    assert_eq!(admitted(&mut connection, &[&done, &dead]).await, [New, New]);
    complete(&mut connection, CONSUMER, &[done.envelope.id], NOW).await.unwrap();
    record_dead(&mut connection, CONSUMER, &dead.event(), DEAD, NOW).await.unwrap();

    // Of what is done none; of what died one, and only when that died too another one.
    let of_done = replay(database.pool(), &done, 3).await;
    let first = replay(database.pool(), &dead, 4).await;
    let second = replay(database.pool(), &dead, 5).await;
    assert_eq!(admitted(&mut connection, &[&of_done, &first, &second]).await, [Settled, New, Settled]);
    assert_eq!(admitted(&mut connection, &[&of_done, &first, &second]).await, [Settled, Resumed, Settled]);
    record_dead(&mut connection, CONSUMER, &first.event(), DEAD, NOW).await.unwrap();
    let third = replay(database.pool(), &dead, 6).await;
    assert_eq!(admitted(&mut connection, &[&third]).await, [New]);

    let mut forced = replay(database.pool(), &done, 7).await;
    if let Some(replay) = &mut forced.envelope.replayed_from {
        replay.force_effects = true;
    }
    assert_eq!(admitted(&mut connection, &[&forced]).await, [New]);
}

/// A replay of `original`, as a job makes it.
async fn replay(pool: &sqlx::PgPool, original: &Given, sequence: u64) -> Given {
    let mut replay = original.sent_again(sequence);
    replay.envelope.dedup_key = format!("{}#{sequence}", original.envelope.dedup_key);
    replay.envelope.replayed_from = Some(original.envelope.id.into());
    sqlx::query(
        "insert into replay_items (job_id, position, event_id, root_id, stream, state, replay_id)
        values (gen_random_uuid(), 1, $1, $1, 'C2S', 'published', $2)",
    )
    .bind(original.envelope.id.0)
    .bind(replay.envelope.id.0)
    .execute(pool)
    .await
    .unwrap();
    replay
}
