//! Once in effect.

use contract::EventId;
use store::webhook_events::{
    Admitted::{Duplicate, Moot, New, Resumed},
    Reason, admit, record_failed,
};
use testkit::Database;
use time::Duration;

use crate::given::{INSTANT, NOW, admitted, event, row, scalar};

const COUNT: &str = "select count(*) from webhook_events";
const DUPLICATES: &str = "select count(*) from webhook_event_duplicates";
const FAILED: Reason<'_> = Reason { code: contract::code::TIMEOUT, error: "too slow", headers: None };

#[tokio::test]
async fn an_event_has_its_effects_once_however_often_it_comes() {
    let database = Database::create().await;
    let first = event("lead-1", INSTANT, 1);
    assert_eq!(admitted(database.pool(), &[&first]).await, [New]);

    // Delivered again, because the acknowledgement was lost: the same message.
    assert_eq!(admitted(database.pool(), &[&first]).await, [Duplicate]);
    assert_eq!(scalar(database.pool(), DUPLICATES).await, 0, "a redelivery is no other message");

    // Sent again after the stream's window: another message, of which the ledger keeps account.
    assert_eq!(admitted(database.pool(), &[&first.sent_again(2)]).await, [Duplicate]);
    assert_eq!(scalar(database.pool(), COUNT).await, 1);
    assert_eq!(
        scalar(
            database.pool(),
            "select count(*) from webhook_event_duplicates d join webhook_events e on e.id = d.duplicate_of
             where d.stream_sequence = 2"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn one_batch_may_bring_an_event_twice() {
    let database = Database::create().await;
    let first = event("lead-1", INSTANT, 1);
    let other = event("lead-0", INSTANT, 2);
    let again = first.sent_again(3);
    // The same message twice, too: only the first occurrence may have effects.
    assert_eq!(
        admitted(database.pool(), &[&first, &other, &again, &first]).await,
        [New, New, Duplicate, Duplicate]
    );
    assert_eq!(scalar(database.pool(), COUNT).await, 2);
    assert_eq!(scalar(database.pool(), DUPLICATES).await, 1);
}

#[tokio::test]
async fn a_failed_event_is_resumed_by_whichever_copy_comes_first() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut first = event("lead-1", INSTANT, 1);
    assert!(record_failed(&mut connection, &first.event(), FAILED).await.unwrap());
    assert_eq!(row(&mut connection, &first).await, ("failed".to_owned(), 1, Some("timeout".to_owned())));

    let copy = first.sent_again(2);
    first.attempt = 2;
    assert_eq!(
        admitted(database.pool(), &[&copy, &first]).await,
        [Resumed { id: first.envelope.id }, Duplicate]
    );
    assert_eq!(row(&mut connection, &first).await, ("completed".to_owned(), 1, None));
    assert_eq!(scalar(database.pool(), DUPLICATES).await, 1, "the copy's message is accounted for");
}

#[tokio::test]
async fn a_lead_at_one_instant_is_one_event_whatever_its_key_unless_it_is_a_replay() {
    let database = Database::create().await;
    let first = event("lead-1", INSTANT, 1);
    let mut other_key = first.sent_again(2);
    other_key.envelope.dedup_key = "made-by-another-version".to_owned();
    let mut replay = first.sent_again(3);
    replay.envelope.dedup_key = "replay-1".to_owned();
    replay.envelope.replayed_from = Some(first.envelope.id.into());
    assert_eq!(admitted(database.pool(), &[&first]).await, [New]);
    assert_eq!(admitted(database.pool(), &[&other_key, &replay]).await, [Duplicate, Moot]);
    assert_eq!(
        scalar(database.pool(), "select count(*) from webhook_event_duplicates where duplicate_of is null")
            .await,
        1
    );
}

#[tokio::test]
async fn two_transactions_with_the_same_event_admit_it_once() {
    let database = Database::create().await;
    let first = event("lead-1", INSTANT, 1);
    let copy = &[&first.sent_again(2)];

    let mut ahead = database.pool().begin().await.unwrap();
    assert_eq!(admit(&mut ahead, &[first.event()], NOW).await.unwrap(), [New]);
    let (behind, ()) = tokio::join!(admitted(database.pool(), copy), async {
        wait_for_a_lock(database.pool()).await;
        ahead.commit().await.unwrap();
    });
    assert_eq!(behind, [Duplicate]);

    // When the one ahead fails, the one behind takes its place.
    let second = event("lead-2", INSTANT, 3);
    let copy = &[&second.sent_again(4)];
    let mut ahead = database.pool().begin().await.unwrap();
    assert_eq!(admit(&mut ahead, &[second.event()], NOW).await.unwrap(), [New]);
    let (behind, ()) = tokio::join!(admitted(database.pool(), copy), async {
        wait_for_a_lock(database.pool()).await;
        ahead.rollback().await.unwrap();
    });
    assert_eq!(behind, [New]);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_with_the_same_events_in_any_order_do_not_deadlock() {
    let database = Database::create().await;
    let given: Vec<_> =
        (0..200).map(|number| event(&format!("lead-{number}"), INSTANT, number + 1)).collect();
    let copies: Vec<_> = given.iter().rev().map(|given| given.sent_again(given.sequence + 1_000)).collect();
    let (mut connection, pool) = (database.pool().acquire().await.unwrap(), database.pool());
    for failed in given.iter().take(50) {
        record_failed(&mut connection, &failed.event(), FAILED).await.unwrap();
    }
    let (forward, backward): (Vec<_>, Vec<_>) = (given.iter().collect(), copies.iter().collect());
    let (one, two) = tokio::join!(admitted(pool, &forward), admitted(pool, &backward));
    let effects = one.iter().chain(&two).filter(|admitted| **admitted != Duplicate).count();
    assert_eq!(effects, 200);
    assert_eq!(scalar(pool, "select count(*) from webhook_events where status = 'completed'").await, 200);
}

#[tokio::test]
async fn five_thousand_events_are_one_statement() {
    let database = Database::create().await;
    let given: Vec<_> = (0..5_000)
        .map(|number| event(&format!("lead-{}", number % 1_000), INSTANT + Duration::seconds(number), 1))
        .collect();
    let all: Vec<_> = given.iter().collect();
    assert!(admitted(database.pool(), &all).await.iter().all(|admitted| *admitted == New));
    assert!(admitted(database.pool(), &all).await.iter().all(|admitted| *admitted == Duplicate));
    assert_eq!(scalar(database.pool(), COUNT).await, 5_000);
}

#[tokio::test]
async fn text_that_postgres_cannot_hold_is_stored_without_what_it_cannot() {
    let database = Database::create().await;
    let mut hostile = event("lead\0-1", INSTANT, 1);
    hostile.envelope.action = Some("a\0b".to_owned());
    hostile.envelope.source = "\0".to_owned();
    hostile.body = vec![0, 159, 146, 150];
    assert_eq!(admitted(database.pool(), &[&hostile]).await, [New]);
    assert_eq!(admitted(database.pool(), &[&hostile]).await, [Duplicate]);
    let stored: (String, String, Vec<u8>) =
        sqlx::query_as("select lead_id, hook_action, body from webhook_events")
            .fetch_one(database.pool())
            .await
            .unwrap();
    assert_eq!(stored, ("lead-1".to_owned(), "ab".to_owned(), hostile.body));
}

#[tokio::test]
async fn what_the_edge_knew_beside_the_body_is_kept() {
    let database = Database::create().await;
    let mut plain = event("lead-1", INSTANT, 1);
    let mut rich = event("lead-2", INSTANT, 2);
    rich.envelope.extensions.insert("kind", "nul\0 and \"quotes\"".to_owned());
    rich.envelope.extensions.insert("test", "true".to_owned());
    plain.envelope.extensions.clear();
    assert_eq!(admitted(database.pool(), &[&plain, &rich]).await, [New, New]);
    let stored: Vec<Option<serde_json::Value>> =
        sqlx::query_scalar("select extensions from webhook_events order by lead_id")
            .fetch_all(database.pool())
            .await
            .unwrap();
    assert_eq!(stored, [None, Some(serde_json::json!({"kind": "nul and \"quotes\"", "test": "true"}))]);
}

#[tokio::test]
async fn an_id_used_for_two_events_does_not_let_the_second_in() {
    let database = Database::create().await;
    let first = event("lead-1", INSTANT, 1);
    let mut second = event("lead-2", INSTANT, 2);
    second.envelope.id = EventId(first.envelope.id.0);
    assert_eq!(admitted(database.pool(), &[&first]).await, [New]);
    assert_eq!(admitted(database.pool(), &[&second]).await, [Duplicate]);
}

async fn wait_for_a_lock(pool: &sqlx::PgPool) {
    testkit::eventually("a transaction waits for the other", std::time::Duration::from_secs(10), async || {
        let waiting = scalar(
            pool,
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        (waiting.await > 0).then_some(())
    })
    .await;
}
