//! Work that one process at a time does, and rows that many write at one time.

use contract::EventId;
use store::{
    Turn,
    instagram_mentions::{self, Mention},
};
use testkit::{Database, eventually};
use time::macros::datetime;

#[tokio::test]
async fn a_turn_is_one_processs_at_a_time() {
    let database = Database::create().await;
    let (one, other) = (database.pool(), store::connect(&database.config()).await.unwrap());
    let turn = Turn::take(one, "work").await.unwrap().unwrap();
    assert!(Turn::take(&other, "work").await.unwrap().is_none());
    assert!(Turn::take(&other, "other work").await.unwrap().is_some());
    turn.end().await.unwrap();
    let turn = Turn::take(&other, "work").await.unwrap().unwrap();
    // As when a process dies.
    drop(turn);
    other.close().await;
    eventually("the next one has the turn", std::time::Duration::from_secs(10), async || {
        Turn::take(one, "work").await.unwrap()
    })
    .await;
}

/// Replays lock no account: they are no sign of life.
#[tokio::test]
async fn the_same_mentions_in_opposite_orders_do_not_lock_each_other_out() {
    let database = Database::create().await;
    let pool = store::connect(&database.config()).await.unwrap();
    let received_at = datetime!(2026-01-20 10:00 UTC);
    for round in 0..20 {
        let ids: Vec<String> = (0..500).map(|n| format!("{round}-{n:04}")).collect();
        let insert = async |order: Vec<&String>| {
            let mentions: Vec<_> = order
                .into_iter()
                .map(|id| Mention {
                    account_id: "1",
                    media_id: None,
                    comment_id: Some(id),
                    event_id: EventId::generate(),
                    received_at,
                })
                .collect();
            let mut transaction = pool.begin().await?;
            instagram_mentions::insert(&mut transaction, &mentions).await?;
            transaction.commit().await
        };
        let (forth, back) = tokio::join!(insert(ids.iter().collect()), insert(ids.iter().rev().collect()));
        forth.and(back).unwrap();
    }
}
