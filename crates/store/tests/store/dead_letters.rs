//! Dead letters and their groups.

use contract::EventId;
use sqlx::PgConnection;
use store::{
    dead_letters::{
        Filter, FoundBy, NewDeadLetter, Status, complete_at, count, discard, find, ids, list, mark_announced,
        mark_replayed, pages, record, unannounced,
    },
    failure_groups,
};
use testkit::Database;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::given::{Given, INSTANT, NOW, event};

fn letter(given: &Given) -> NewDeadLetter<'_> {
    NewDeadLetter {
        event_id: given.envelope.id.0,
        consumer: "c2s-leads",
        provider: "c2s",
        envelope: &given.envelope,
        dedup_key: &given.envelope.dedup_key,
        body: Some(&given.body),
        headers: None,
        position: given.event().position,
        attempts: 1,
        reason_code: "timeout",
        last_error: Some("lead 17 took 20 s"),
        first_failed_at: NOW - Duration::MINUTE,
        last_failed_at: NOW,
        trace_id: None,
        found_by: FoundBy::Advisory,
    }
}

async fn all(connection: &mut PgConnection) -> Vec<store::dead_letters::Stored> {
    pages(connection, &Filter::default(), None, 100).await.unwrap()
}

#[tokio::test]
async fn the_first_complete_one_wins_and_later_ones_add_what_is_missing() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 7);
    let bare =
        NewDeadLetter { body: None, last_error: None, found_by: FoundBy::Reconciler, ..letter(&given) };
    assert_eq!(record(&mut connection, &[bare]).await.unwrap(), [given.envelope.id.0]);
    let place = ("C2S", OffsetDateTime::UNIX_EPOCH);
    assert!(complete_at(&mut connection, place, "c2s-leads", &[7]).await.unwrap().is_empty());

    let headers = vec![("a".to_owned(), "1\0".to_owned()), ("a".to_owned(), "2".to_owned())];
    let full = NewDeadLetter {
        headers: Some(&headers),
        attempts: 5,
        first_failed_at: NOW - Duration::HOUR,
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        ..letter(&given)
    };
    assert!(record(&mut connection, &[full, full]).await.unwrap().is_empty());
    let other = NewDeadLetter {
        body: Some(b"other"),
        last_error: Some("other"),
        reason_code: "other",
        attempts: 2,
        ..letter(&given)
    };
    assert!(record(&mut connection, &[other]).await.unwrap().is_empty());

    let stored = all(&mut connection).await;
    assert_eq!(stored.len(), 1);
    let (stored, kept) = (&stored[0], &stored[0].letter);
    assert_eq!(stored.body.as_deref(), Some(given.body.as_slice()));
    assert_eq!((kept.attempts, kept.last_error.as_deref()), (5, Some("lead 17 took 20 s")));
    assert_eq!((kept.found_by, kept.reason_code.as_str()), (FoundBy::Reconciler, "timeout"));
    assert_eq!(kept.first_failed_at, NOW - Duration::HOUR);
    assert!(kept.trace_id.is_some());
    assert_eq!(
        stored.headers.as_ref().unwrap().len(),
        given.envelope.headers().len(),
        "the envelope's, first"
    );
    assert_eq!(complete_at(&mut connection, place, "c2s-leads", &[7, 8]).await.unwrap().len(), 1);
    let later = ("C2S", OffsetDateTime::now_utc() + Duration::HOUR);
    assert!(complete_at(&mut connection, later, "c2s-leads", &[7]).await.unwrap().is_empty());
    let another = NewDeadLetter { consumer: "c2s-enricher", ..letter(&given) };
    assert_eq!(record(&mut connection, &[another]).await.unwrap().len(), 1, "one for each consumer");
}

#[tokio::test]
async fn what_was_erased_is_not_filled_in_again() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 7);
    record(&mut connection, &[letter(&given)]).await.unwrap();
    sqlx::query("update dead_letters set body = null, headers = null, last_error = null, erased_at = now()")
        .execute(&mut *connection)
        .await
        .unwrap();
    record(&mut connection, &[letter(&given)]).await.unwrap();
    let stored = all(&mut connection).await;
    assert_eq!((stored[0].body.as_ref(), stored[0].headers.as_ref()), (None, None));
    let place = ("C2S", OffsetDateTime::UNIX_EPOCH);
    assert_eq!(complete_at(&mut connection, place, "c2s-leads", &[7]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_filter_chooses_what_it_says_and_pages_leave_nothing_out() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given: Vec<_> = (1..=5).map(|number| event(&format!("lead-{number}"), INSTANT, number)).collect();
    let mut letters: Vec<_> = given.iter().map(letter).collect();
    letters[0].provider = "usage";
    letters[1].consumer = "c2s-enricher";
    letters[2].reason_code = "not_storable";
    letters[3].last_failed_at = NOW + Duration::HOUR;
    letters[4].body = Some(b"{\"name\":\"\xc3\xa1gil %_\"}");
    for letter in &letters {
        record(&mut connection, &[*letter]).await.unwrap();
    }
    let newest: Vec<Uuid> = given.iter().rev().map(|given| given.envelope.id.0).collect();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = list(&mut connection, &Filter::default(), after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|letter| letter.event_id));
    }
    assert_eq!(seen, newest);

    let stored = all(&mut connection).await;
    let (chosen, fingerprint) = ([stored[2].letter.id], stored[2].letter.fingerprint.clone());
    for (number, filter) in [
        (0, Filter { provider: Some("usage"), ..Filter::default() }),
        (1, Filter { consumer: Some("c2s-enricher"), ..Filter::default() }),
        (2, Filter { reason: Some("not_storable"), ..Filter::default() }),
        (2, Filter { ids: Some(&chosen), ..Filter::default() }),
        (2, Filter { fingerprint: Some(&fingerprint), ..Filter::default() }),
        (3, Filter { since: Some(NOW + Duration::MINUTE), ..Filter::default() }),
        (3, Filter { dedup_key: Some(&given[3].envelope.dedup_key), ..Filter::default() }),
        (3, Filter { subject: Some("lead-4"), ..Filter::default() }),
        (4, Filter { text: Some("ágil %_"), ..Filter::default() }),
    ] {
        let found = list(&mut connection, &filter, None, 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|letter| letter.event_id).collect();
        assert_eq!(found, [given[number].envelope.id.0], "{filter:?}");
        assert_eq!(count(&mut connection, &filter).await.unwrap(), 1);
        assert!(!filter.is_empty());
    }
    let by_error = Filter { text: Some("took 20"), until: Some(NOW + Duration::MINUTE), ..Filter::default() };
    assert_eq!(ids(&mut connection, &by_error, None, 10).await.unwrap().len(), 4);
    assert!(Filter { status: Some(Status::Dead), ..Filter::default() }.is_empty());
}

#[tokio::test]
async fn a_decision_is_kept_with_its_reason() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = [event("lead-1", INSTANT, 1), event("lead-2", INSTANT, 2)];
    record(&mut connection, &given.each_ref().map(letter)).await.unwrap();
    let letters = ids(&mut connection, &Filter::default(), None, 10).await.unwrap();
    let (one, two) = (letters[0], letters[1]);
    assert_eq!(discard(&mut connection, &[one, two], "test data", NOW).await.unwrap(), 2);
    assert_eq!(discard(&mut connection, &[one, two], "again", NOW).await.unwrap(), 0, "decided before");
    let replay = EventId::generate().0;
    assert_eq!(mark_replayed(&mut connection, &[(two, replay)], NOW).await.unwrap(), 1);
    let discarded = find(&mut connection, one).await.unwrap().unwrap().letter;
    assert_eq!(
        (discarded.status, discarded.discard_reason.as_deref()),
        (Status::Discarded, Some("test data"))
    );
    let replayed = find(&mut connection, two).await.unwrap().unwrap().letter;
    assert_eq!((replayed.status, replayed.replayed_as), (Status::Replayed, Some(replay)));

    assert_eq!(unannounced(&mut connection, 10).await.unwrap().len(), 2);
    mark_announced(&mut connection, &[one], NOW).await.unwrap();
    assert_eq!(unannounced(&mut connection, 10).await.unwrap()[0].id, two);
}

#[tokio::test]
async fn groups_are_counted_exactly_however_often_a_dead_letter_is_recorded() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given: Vec<_> = (1..=6).map(|number| event(&format!("lead-{number}"), INSTANT, number)).collect();
    let errors: Vec<_> =
        (1..=6).map(|number| format!("lead {number} took {}.5 s\nline {number}", number * 7)).collect();
    let mut letters: Vec<_> = given.iter().map(letter).collect();
    for (letter, error) in letters.iter_mut().zip(&errors) {
        letter.last_error = Some(error);
    }
    letters[5].last_error = Some("something else");
    letters[4].last_failed_at = NOW + Duration::HOUR;
    for _ in 0..3 {
        record(&mut connection, &letters).await.unwrap();
    }
    let groups = failure_groups::list(&mut connection, None, None, true, 10).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.count).collect::<Vec<_>>(), [5, 1]);
    let group = &groups[0];
    assert_eq!((group.first_seen, group.last_seen), (NOW - Duration::MINUTE, NOW + Duration::HOUR));
    assert_eq!(group.sample_error.as_deref(), Some(errors[4].as_str()), "the newest");
    let filter = Filter { fingerprint: Some(&group.fingerprint), ..Filter::default() };
    let members = ids(&mut connection, &filter, None, 10).await.unwrap();
    assert_eq!(members.len(), 5);
    discard(&mut connection, &members, "seen", NOW).await.unwrap();
    let open = failure_groups::list(&mut connection, Some("c2s"), None, true, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    let every = failure_groups::list(&mut connection, None, Some(NOW), false, 10).await.unwrap();
    assert_eq!(every.iter().map(|group| (group.dead, group.count)).collect::<Vec<_>>(), [(1, 1), (0, 5)]);
}
