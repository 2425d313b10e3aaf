//! Work that one process at a time does.

use std::time::Duration;

use store::try_lock;
use testkit::{Database, eventually};

#[tokio::test]
async fn a_lock_is_held_by_one_and_free_when_its_holder_is_gone() {
    let database = Database::create().await;
    let held = try_lock(database.pool(), "audit.c2s").await.unwrap();
    assert!(held.is_some());
    assert!(try_lock(database.pool(), "audit.c2s").await.unwrap().is_none());
    assert!(try_lock(database.pool(), "audit.instagram").await.unwrap().is_some());
    held.unwrap().release().await.unwrap();
    let again = try_lock(database.pool(), "audit.c2s").await.unwrap();
    assert!(again.is_some(), "it was given back");
    drop(again);
    let free = async || try_lock(database.pool(), "audit.c2s").await.unwrap();
    eventually("it is free once its holder is gone", Duration::from_secs(5), free).await;
}
