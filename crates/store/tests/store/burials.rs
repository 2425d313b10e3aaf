//! Giving up events of which their consumer said nothing more.

use contract::code;
use store::webhook_events::{Abandoned, Fate, Reason, bury, record_dead, record_failed};
use testkit::Database;
use time::Duration;

use crate::given::{Given, INSTANT, NOW, admitted, event, row, scalar};

fn abandoned(given: &Given) -> Abandoned<'_> {
    Abandoned { event: given.event(), code: "attempts_exhausted", error: "the broker gave up" }
}

#[tokio::test]
async fn an_event_that_is_done_cannot_be_buried() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (done, failed) = (event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2));
    let (dead, unknown) = (event("lead-3", INSTANT, 3), event("lead-4", INSTANT, 4));
    admitted(database.pool(), &[&done]).await;
    let reason = Reason { code: code::TIMEOUT, error: "timeout: slow", headers: None };
    record_failed(&mut connection, &failed.event(), reason).await.unwrap();
    record_dead(&mut connection, &dead.event(), reason, NOW).await.unwrap().unwrap();
    let repeat = done.sent_again(5);
    let all = [&done, &failed, &dead, &unknown, &repeat].map(abandoned);

    for round in 0..2 {
        let fates = bury(&mut connection, &all, NOW + Duration::HOUR).await.unwrap();
        let words: Vec<_> = fates
            .iter()
            .map(|fate| match fate {
                Fate::Buried(grave) => ("buried", grave.error.as_str()),
                Fate::WasDead(grave) => ("was dead", grave.error.as_str()),
                Fate::Settled => ("settled", ""),
            })
            .collect();
        let word = if round == 0 { "buried" } else { "was dead" };
        let expected = [
            ("settled", ""),
            (word, "timeout: slow"),
            ("was dead", "timeout: slow"),
            (word, "the broker gave up"),
            ("settled", ""),
        ];
        assert_eq!(words, expected);
    }
    assert_eq!(row(&mut connection, &done).await, ("completed".to_owned(), 1, None));
    let exhausted = ("dead_letter".to_owned(), 1, Some("attempts_exhausted".to_owned()));
    assert_eq!(row(&mut connection, &failed).await, exhausted);
    assert_eq!(row(&mut connection, &unknown).await, exhausted);
    let repeats = "select count(*) from webhook_event_duplicates where stream_sequence = 5";
    assert_eq!(scalar(database.pool(), repeats).await, 1, "every position is accounted for");
}

#[tokio::test]
async fn an_event_that_two_bury_at_one_time_is_buried_once() {
    let database = Database::create().await;
    let given: Vec<_> = (1..=50).map(|number| event(&format!("lead-{number}"), INSTANT, number)).collect();
    let burying = async |reversed: bool| {
        let mut events: Vec<_> = given.iter().map(abandoned).collect();
        if reversed {
            events.reverse();
        }
        let mut transaction = database.pool().begin().await.unwrap();
        let fates = bury(&mut transaction, &events, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        fates.iter().filter(|fate| matches!(fate, Fate::Buried(_))).count()
    };
    let (one, other) = tokio::join!(burying(false), burying(true));
    assert_eq!(one + other, 50);
    assert_eq!(scalar(database.pool(), "select count(*) from webhook_events").await, 50);
    assert_eq!(scalar(database.pool(), "select count(*) from webhook_event_duplicates").await, 0);
}
