//! Tokens at rest.

use store::instagram_subscriptions::Status;
use subscriptions::Finding;
use time::Duration;

use crate::{ACCOUNT, Given, NOW, SILENCE, TOKEN, fields};

/// Whether any byte of the table holds this.
async fn table_holds(given: &Given, needle: &str) -> bool {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select convert_to(row_to_json(it)::text, 'UTF8') || it.token_sealed from instagram_subscriptions it",
    )
    .fetch_all(given.database.pool())
    .await
    .unwrap();
    assert!(!rows.is_empty());
    rows.iter().any(|row| row.windows(needle.len()).any(|bytes| bytes == needle.as_bytes()))
}

#[tokio::test]
async fn a_token_in_the_database_cannot_be_read() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    assert!(!table_holds(&given, TOKEN).await);
    assert!(!table_holds(&given, "invented").await);
    assert!(table_holds(&given, ACCOUNT).await, "and it is looked for rightly");
}

#[tokio::test]
async fn tokens_survive_a_change_of_keys() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    assert_eq!(given.only().await.key_id.as_deref(), Some("a"));

    let both = given.with_keys(&[("b", 2), ("a", 1)]);
    assert!(both.check(SILENCE, NOW).await.unwrap()[0].resealed);
    assert!(!both.check(SILENCE, NOW).await.unwrap()[0].resealed);
    assert_eq!(given.only().await.key_id.as_deref(), Some("b"));

    let new_only = given.with_keys(&[("b", 2)]);
    new_only.subscribe(ACCOUNT, &fields("messages"), None, NOW).await.unwrap();
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["messages"]);
}

#[tokio::test]
async fn a_key_that_was_removed_too_early_is_told_and_harms_no_row() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    let other = given.with_keys(&[("b", 2)]);
    let checked = other.check(SILENCE, NOW + Duration::hours(2)).await.unwrap();
    let Finding::Failed { reason, may_pass: false } = &checked[0].finding else { panic!("{checked:?}") };
    assert_eq!(
        reason,
        "cannot open the account's token: the value is sealed with key `a`, which seal.keys lacks"
    );
    assert_eq!(given.only().await.status, Status::Active);
    assert_eq!(given.check(Duration::hours(2)).await.finding, Finding::Quiet);
}

#[tokio::test]
async fn a_token_moved_to_another_account_does_not_open_there() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    sqlx::query("update instagram_subscriptions set account_id = '17841400000000002'")
        .execute(given.database.pool())
        .await
        .unwrap();
    let finding = given.check(Duration::hours(2)).await.finding;
    assert!(matches!(finding, Finding::Failed { may_pass: false, .. }), "{finding:?}");
}
