//! Watching.

use config::Secret;
use simulators::Step;
use store::instagram_subscriptions::{self as table, Status};
use subscriptions::Finding;
use time::Duration;

use crate::{ACCOUNT, Given, NOW, SILENCE, TOKEN, fields};

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test]
async fn an_account_whose_webhooks_come_is_not_asked_about() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.webhook(NOW + Duration::minutes(80)).await;
    let calls = given.meta.script.requests().len();
    assert_eq!(given.check(Duration::minutes(90)).await.finding, Finding::Alive);
    assert_eq!(given.meta.script.requests().len(), calls);
}

#[tokio::test]
async fn a_silent_account_that_meta_has_forgotten_is_subscribed_again() {
    let given = Given::new().await;
    given.subscribe("comments,messages").await;
    given.webhook(NOW).await;
    given.meta.forget(ACCOUNT);
    assert_eq!(given.check(Duration::minutes(59)).await.finding, Finding::Alive);
    assert_eq!(given.check(Duration::minutes(61)).await.finding, Finding::Resubscribed);
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["comments", "messages"]);
    assert_eq!(given.only().await.subscribed_at, Some(NOW + Duration::minutes(61)));
}

#[tokio::test]
async fn a_silent_account_that_meta_knows_is_only_quiet() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    assert_eq!(given.check(Duration::hours(2)).await.finding, Finding::Quiet);
    assert_eq!(given.check(Duration::hours(2)).await.finding, Finding::Alive, "Meta has just confirmed it");
}

#[tokio::test]
async fn a_dead_token_is_found_once_and_waits_for_a_new_one() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.meta.kill_token(TOKEN);
    let finding = given.check(Duration::hours(2)).await.finding;
    assert!(finding == Finding::TokenDead && finding.needs_attention());
    let calls = given.meta.script.requests().len();
    assert_eq!(given.check(Duration::hours(4)).await.finding, Finding::TokenDead);
    assert_eq!(given.meta.script.requests().len(), calls, "it would not come to life again");
}

#[tokio::test]
async fn what_meta_could_not_answer_is_asked_again_by_the_next_check() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.meta.script.then(vec![Step::Status(503, ""); 4]);
    let finding = given.check(Duration::hours(2)).await.finding;
    assert!(matches!(finding, Finding::Failed { may_pass: true, .. }), "{finding:?}");
    assert_eq!(given.only().await.status, Status::Failed);
    assert_eq!(given.check(Duration::hours(2)).await.finding, Finding::Quiet);
    assert_eq!(given.only().await.status, Status::Active);
}

#[tokio::test]
async fn a_check_finishes_what_a_dead_process_began() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    let mut connection = given.database.pool().acquire().await.unwrap();
    let kept = table::find(&mut connection, ACCOUNT).await.unwrap().unwrap();

    // It wrote what it wanted, and died before it asked Meta.
    let wanted = ["messages".to_owned()];
    table::want(&mut connection, ACCOUNT, &wanted, &kept.token_sealed, NOW).await.unwrap();
    assert_eq!(given.check(Duration::ZERO).await.finding, Finding::Resubscribed);
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["messages"]);

    table::unwant(&mut connection, ACCOUNT, NOW).await.unwrap();
    assert_eq!(given.check(Duration::ZERO).await.finding, Finding::Removed);
    assert_eq!(given.meta.subscribed(ACCOUNT), None);
    assert!(given.subscriptions.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_was_replaced_during_a_check_is_not_taken_for_dead() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.meta.kill_token(TOKEN);
    given.meta.script.then([Step::Slow(std::time::Duration::from_millis(500))]);
    let asked = given.meta.script.requests().len();
    let (checked, ()) = tokio::join!(given.subscriptions.check(SILENCE, NOW + Duration::hours(2)), async {
        testkit::eventually("the check is asking", DEADLINE, async || {
            (given.meta.script.requests().len() > asked).then_some(())
        })
        .await;
        let token = Secret::from("IGAA_the_next_token");
        given.subscriptions.subscribe(ACCOUNT, &fields("comments"), Some(&token), NOW).await.unwrap();
    });
    assert_eq!(checked.unwrap()[0].finding, Finding::TokenDead, "of the token that it asked with");
    assert_eq!(given.only().await.status, Status::Active, "the new one was confirmed");
}

#[tokio::test]
async fn an_account_that_is_wanted_again_while_it_is_removed_stays_subscribed() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    let mut connection = given.database.pool().acquire().await.unwrap();
    table::unwant(&mut connection, ACCOUNT, NOW).await.unwrap();
    given.meta.script.then([Step::Slow(std::time::Duration::from_millis(500))]);
    let asked = given.meta.script.requests().len();
    let (checked, ()) = tokio::join!(given.subscriptions.check(SILENCE, NOW), async {
        testkit::eventually("the check is removing it", DEADLINE, async || {
            (given.meta.script.requests().len() > asked).then_some(())
        })
        .await;
        given.subscribe("messages").await;
    });
    assert_eq!(checked.unwrap()[0].finding, Finding::Resubscribed);
    assert_eq!(given.only().await.status, Status::Active);
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["messages"]);
}

#[tokio::test]
async fn of_two_checks_at_one_time_one_asks_meta() {
    let given = Given::new().await;
    given.subscribe("comments").await;
    given.meta.script.then([Step::Slow(std::time::Duration::from_millis(500))]);
    let asked = given.meta.script.requests().len();
    let late = NOW + Duration::hours(2);
    let (first, second) = tokio::join!(given.subscriptions.check(SILENCE, late), async {
        testkit::eventually("the first one is asking", DEADLINE, async || {
            (given.meta.script.requests().len() > asked).then_some(())
        })
        .await;
        given.subscriptions.check(SILENCE, late).await
    });
    assert_eq!(first.unwrap()[0].finding, Finding::Quiet);
    assert!(matches!(second, Err(subscriptions::Error::Busy)), "{second:?}");
    assert_eq!(given.check(Duration::hours(2)).await.finding, Finding::Alive, "its turn has ended");
}
