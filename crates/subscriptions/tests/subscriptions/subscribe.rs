//! Asking for, changing and removing.

use config::Secret;
use simulators::Step;
use store::instagram_subscriptions::Status;
use subscriptions::Error;

use crate::{ACCOUNT, Given, NOW, TOKEN, fields};

#[tokio::test]
async fn an_account_is_subscribed_changed_and_removed() {
    let given = Given::new().await;
    given.subscribe("comments,message_seen").await;
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["comments", "messaging_seen"]);
    let listed = given.only().await;
    assert_eq!((listed.status, listed.subscribed_at), (Status::Active, Some(NOW)));
    assert_eq!(listed.fields, ["comments", "messaging_seen"]);

    // Without a token the kept one serves, and a field too many goes although Meta only adds.
    given.subscriptions.subscribe(ACCOUNT, &fields("comments,messages"), None, NOW).await.unwrap();
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["comments", "messages"]);

    given.subscriptions.unsubscribe(ACCOUNT, false, NOW).await.unwrap();
    assert_eq!(given.meta.subscribed(ACCOUNT), None);
    assert!(given.subscriptions.list().await.unwrap().is_empty());
    assert!(matches!(given.subscriptions.unsubscribe(ACCOUNT, false, NOW).await, Err(Error::Unknown)));
}

#[tokio::test]
async fn a_new_account_needs_a_token() {
    let given = Given::new().await;
    let error = given.subscriptions.subscribe(ACCOUNT, &fields("comments"), None, NOW).await.unwrap_err();
    assert!(matches!(error, Error::NoToken), "{error:?}");
    assert!(given.subscriptions.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn why_meta_refused_stays_to_be_read_without_the_token() {
    let given = Given::new().await;
    given.meta.kill_token(TOKEN);
    let token = Secret::from(TOKEN);
    given.subscriptions.subscribe(ACCOUNT, &fields("comments"), Some(&token), NOW).await.unwrap_err();
    let listed = given.only().await;
    assert_eq!((listed.status, listed.error_code.as_deref()), (Status::TokenDead, Some("token_dead")));
    assert!(!format!("{listed:?}").contains(TOKEN), "{listed:?}");

    // A new token cures it.
    let token = Secret::from("IGAA_another_invented_token");
    given.subscriptions.subscribe(ACCOUNT, &fields("comments"), Some(&token), NOW).await.unwrap();
    let listed = given.only().await;
    assert_eq!((listed.status, listed.error_code), (Status::Active, None));
}

#[tokio::test]
async fn an_account_whose_removal_meta_did_not_confirm_is_kept_unless_it_is_to_be_forgotten() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.meta.kill_token(TOKEN);
    given.subscriptions.unsubscribe(ACCOUNT, false, NOW).await.unwrap_err();
    assert_eq!(given.only().await.status, Status::Removing);
    given.subscriptions.unsubscribe(ACCOUNT, true, NOW).await.unwrap();
    assert!(given.subscriptions.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_fails_leaves_the_wish() {
    let given = Given::new().await;
    given.meta.script.then(vec![Step::Status(500, ""); 4]);
    let token = Secret::from(TOKEN);
    given.subscriptions.subscribe(ACCOUNT, &fields("comments"), Some(&token), NOW).await.unwrap_err();
    let listed = given.only().await;
    assert_eq!((listed.status, listed.error_code.as_deref()), (Status::Failed, Some("unavailable")));
}
