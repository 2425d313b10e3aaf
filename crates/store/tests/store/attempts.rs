//! Attempts on record, for events that come again.

use contract::code;
use store::{
    event_handlings,
    webhook_events::{Admitted::Resumed, Attempts, Reason, attempts, begin, record_failed, release},
};
use testkit::Database;

use crate::given::{INSTANT, NOW, admitted, event, row};

const FAILED: Reason<'_> = Reason { code: code::TIMEOUT, error: "too slow", headers: None };

#[tokio::test]
async fn an_attempt_that_began_is_on_record_until_it_ends() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut given = event("lead-1", INSTANT, 1);
    let never_seen = event("lead-2", INSTANT, 2);

    begin(&mut connection, &[given.event()]).await.unwrap();
    let asked = [never_seen.event(), given.event()];
    let on_record = attempts(&mut connection, &asked).await.unwrap();
    assert_eq!(on_record, [Attempts::default(), Attempts { count: 1, unfinished: true }]);

    given.attempt = 2;
    record_failed(&mut connection, &given.event(), FAILED).await.unwrap();
    let on_record = attempts(&mut connection, &[given.event()]).await.unwrap();
    assert_eq!(on_record, [Attempts { count: 2, unfinished: false }]);

    given.attempt = 3;
    begin(&mut connection, &[given.event()]).await.unwrap();
    let stored = row(&mut connection, &given).await;
    assert_eq!(
        stored,
        ("processing".to_owned(), 3, Some("timeout".to_owned())),
        "why it failed stays readable"
    );
    assert_eq!(admitted(database.pool(), &[&given]).await, [Resumed { id: given.envelope.id }]);
    assert_eq!(row(&mut connection, &given).await, ("completed".to_owned(), 3, None));
}

#[tokio::test]
async fn an_attempt_that_was_given_back_untried_does_not_count() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    begin(&mut connection, &[given.event()]).await.unwrap();
    release(&mut connection, &given.event()).await.unwrap();
    release(&mut connection, &given.event()).await.unwrap();
    let on_record = attempts(&mut connection, &[given.event()]).await.unwrap();
    assert_eq!(on_record, [Attempts { count: 0, unfinished: false }]);
}

#[tokio::test]
async fn what_is_completed_does_not_begin_again() {
    let database = Database::create().await;
    let given = event("lead-1", INSTANT, 1);
    admitted(database.pool(), &[&given]).await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut again = event("lead-1", INSTANT, 1);
    again.attempt = 4;
    begin(&mut connection, &[again.event()]).await.unwrap();
    release(&mut connection, &again.event()).await.unwrap();
    assert_eq!(row(&mut connection, &given).await, ("completed".to_owned(), 1, None));
}

#[tokio::test]
async fn a_secondary_consumer_has_a_count_of_its_own() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    let ids = [given.envelope.id];
    event_handlings::admit(&mut connection, "c2s-enricher", &[given.event()], NOW).await.unwrap();
    let count = async |connection: &mut _, consumer| {
        event_handlings::attempts(connection, consumer, &ids).await.unwrap()
    };
    assert_eq!(count(&mut connection, "c2s-enricher").await, [Attempts { count: 1, unfinished: true }]);
    assert_eq!(count(&mut connection, "another").await, [Attempts::default()]);
    event_handlings::release(&mut connection, "c2s-enricher", given.envelope.id).await.unwrap();
    assert_eq!(count(&mut connection, "c2s-enricher").await, [Attempts { count: 0, unfinished: false }]);
}
