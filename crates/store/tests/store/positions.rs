//! The ledger by position.

use contract::code;
use store::webhook_events::{
    Gap, Reason, Stretch, Tally, gaps, highest_above, record_dead, record_failed, statuses, stuck, tally,
};
use testkit::Database;
use time::{Duration, OffsetDateTime};

use crate::given::{INSTANT, NOW, admitted, event};

#[tokio::test]
async fn each_position_is_counted_once_and_gaps_are_named() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let before = OffsetDateTime::now_utc() - Duration::HOUR;
    let (one, two, five) = (event("a", INSTANT, 1), event("b", INSTANT, 2), event("c", INSTANT, 5));
    admitted(database.pool(), &[&one, &two]).await;
    // Position 6 repeats the first, position 5 fails, 7 dies; 3, 4, 8 and 9 are unknown.
    admitted(database.pool(), &[&one.sent_again(6)]).await;
    let reason = Reason { code: code::TIMEOUT, error: "slow", headers: None };
    record_failed(&mut connection, &five.event(), reason).await.unwrap();
    record_dead(&mut connection, &event("d", INSTANT, 7).event(), reason, NOW).await.unwrap();

    let all = Stretch { stream: "C2S", incarnation: before, superseded: None, after: 0, until: 9 };
    let counted = Tally { completed: 2, dead: 1, open: 1, duplicates: 1 };
    assert_eq!(tally(&mut connection, all).await.unwrap(), counted);
    let named = [Gap { first: 3, last: 4 }, Gap { first: 8, last: 9 }];
    assert_eq!(gaps(&mut connection, all, 10).await.unwrap(), named);
    assert_eq!(gaps(&mut connection, all, 1).await.unwrap(), [named[0]]);
    let part = Stretch { after: 3, until: 6, ..all };
    assert_eq!(gaps(&mut connection, part, 10).await.unwrap(), [Gap { first: 4, last: 4 }]);
    assert_eq!(
        tally(&mut connection, part).await.unwrap(),
        Tally { open: 1, duplicates: 1, ..Tally::default() }
    );

    // A stream that was made anew knows nothing of them, and the old one everything.
    let now = OffsetDateTime::now_utc() + Duration::HOUR;
    let anew = Stretch { incarnation: now, ..all };
    assert_eq!(gaps(&mut connection, anew, 10).await.unwrap(), [Gap { first: 1, last: 9 }]);
    assert_eq!(tally(&mut connection, anew).await.unwrap(), Tally::default());
    let old = Stretch { superseded: Some(now), ..all };
    assert_eq!(tally(&mut connection, old).await.unwrap(), counted);

    let sequences = async |connection: &mut sqlx::PgConnection, settled| {
        let stuck = stuck(connection, ("C2S", before), settled, 10).await.unwrap();
        stuck.iter().map(|kept| kept.sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(&mut connection, 4).await, [0_i64; 0]);
    assert_eq!(sequences(&mut connection, 9).await, [5]);
    let unknown = event("z", INSTANT, 99);
    let asked = [
        (one.sent_again(7).envelope.id, one.envelope.dedup_key.as_str()),
        (five.envelope.id, "none"),
        (unknown.envelope.id, "none"),
    ];
    let found = statuses(&mut connection, "c2s", &asked).await.unwrap();
    let words: Vec<_> =
        found.iter().map(|status| status.map_or("unknown", |status| status.as_str())).collect();
    assert_eq!(words, ["completed", "failed", "unknown"]);
}

#[tokio::test]
async fn a_position_with_two_rows_is_counted_once() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let before = OffsetDateTime::now_utc() - Duration::HOUR;
    // A stream that was set back gives positions out again.
    let (one, again) = (event("a", INSTANT, 1), event("b", INSTANT, 1));
    let (two, dead, three) = (event("c", INSTANT, 2), event("d", INSTANT, 2), event("e", INSTANT, 3));
    admitted(database.pool(), &[&one, &two, &three]).await;
    admitted(database.pool(), &[&again]).await;
    let reason = Reason { code: code::TIMEOUT, error: "slow", headers: None };
    record_dead(&mut connection, &dead.event(), reason, NOW).await.unwrap();
    record_failed(&mut connection, &event("f", INSTANT, 3).event(), reason).await.unwrap();
    let all = Stretch { stream: "C2S", incarnation: before, superseded: None, after: 0, until: 3 };
    let counted = Tally { completed: 1, dead: 1, open: 1, duplicates: 0 };
    assert_eq!(tally(&mut connection, all).await.unwrap(), counted);
    assert_eq!(gaps(&mut connection, all, 10).await.unwrap(), []);
}

#[tokio::test]
async fn the_ledger_knows_how_far_a_stream_had_come() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    admitted(database.pool(), &[&event("a", INSTANT, 7), &event("b", INSTANT, 9)]).await;
    let long_ago = OffsetDateTime::UNIX_EPOCH;
    for (last, highest) in [(0, Some(9)), (8, Some(9)), (9, None)] {
        assert_eq!(highest_above(&mut connection, ("C2S", long_ago), last).await.unwrap(), highest);
    }
    let future = OffsetDateTime::now_utc() + Duration::HOUR;
    assert_eq!(highest_above(&mut connection, ("C2S", future), 0).await.unwrap(), None, "another stream's");
    assert_eq!(highest_above(&mut connection, ("USAGE", long_ago), 0).await.unwrap(), None);
}
