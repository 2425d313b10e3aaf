//! What operators ask.

use contract::code;
use sqlx::PgConnection;
use store::webhook_events::{Filter, Reason, Status, count_by_status, find, list, record_dead};
use testkit::Database;
use time::Duration;

use crate::given::{BODY, INSTANT, NOW, admitted, event};

async fn leads_of(connection: &mut PgConnection, filter: Filter<'_>) -> Vec<String> {
    let events = list(connection, &filter, None, 10).await.unwrap();
    events.into_iter().filter_map(|event| event.lead_id).collect()
}

#[tokio::test]
async fn the_list_can_be_narrowed_and_turned_page_by_page() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut given: Vec<_> =
        (0..7).map(|number| event(&format!("lead-{number}"), INSTANT, number + 1)).collect();
    for (given, minutes) in given.iter_mut().zip([0, 1, 2, 2, 2, 3, 4]) {
        given.envelope.time = INSTANT + Duration::minutes(minutes);
    }
    admitted(database.pool(), &given.iter().take(6).collect::<Vec<_>>()).await;
    let dead = Reason { code: code::MALFORMED, error: "no JSON", headers: None };
    record_dead(&mut connection, &given[6].event(), dead, NOW).await.unwrap();

    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(&mut connection, &Filter::default(), cursor, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(last.cursor());
        pages.push(page.len());
    }
    assert_eq!(pages, [3, 3, 1], "equal instants do not lose a row between pages");

    let filter = Filter { status: Some(Status::DeadLetter), ..Filter::default() };
    assert_eq!(leads_of(&mut connection, filter).await, ["lead-6"]);
    let filter = Filter { subject: Some("lead-3"), provider: Some("c2s"), ..Filter::default() };
    assert_eq!(leads_of(&mut connection, filter).await, ["lead-3"]);
    let filter = Filter {
        since: Some(INSTANT + Duration::minutes(3)),
        until: Some(INSTANT + Duration::minutes(4)),
        ..Filter::default()
    };
    assert_eq!(leads_of(&mut connection, filter).await, ["lead-5"]);
    let filter = Filter { event_type: Some("c2s.lead.closed"), ..Filter::default() };
    assert!(leads_of(&mut connection, filter).await.is_empty());

    let counts = count_by_status(&mut connection, None).await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.status, count.count)).collect();
    assert_eq!(counts, [(Status::Completed, 6), (Status::DeadLetter, 1)]);
    let recent = count_by_status(&mut connection, Some(INSTANT + Duration::minutes(4))).await.unwrap();
    assert_eq!(recent.len(), 1);
}

#[tokio::test]
async fn an_event_is_found_with_its_exact_bytes_and_its_repeats() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let given = event("lead-1", INSTANT, 1);
    admitted(database.pool(), &[&given, &given.sent_again(2), &given.sent_again(3)]).await;
    let stored = find(&mut connection, given.envelope.id.0).await.unwrap().unwrap();
    assert_eq!(stored.body, BODY);
    assert_eq!(usize::try_from(stored.event.body_bytes), Ok(BODY.len()));
    assert_eq!(stored.duplicates, 2);
    assert_eq!((stored.event.stream.as_str(), stored.event.stream_sequence), ("C2S", 1));
    assert_eq!(find(&mut connection, uuid::Uuid::nil()).await.unwrap(), None);
}

#[tokio::test]
async fn the_dead_are_found_without_reading_the_completed() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    // Enough rows for the planner to care.
    sqlx::query(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, status, attempts, body, content_type,
            stream, stream_subject, stream_sequence, received_at, processed_at)
         select gen_random_uuid(), 'c2s', '/', 'c2s.lead.created', 'k' || n, 'completed', 1, '{}', 'application/json',
            'C2S', 'ingest.c2s.created', n, now() - n * interval '1 second', now()
         from generate_series(1, 20000) n",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    sqlx::query("analyze webhook_events").execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select id from webhook_events where ('dead_letter' is null or status = 'dead_letter')
         order by received_at desc, id desc limit 50",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert!(plan.iter().any(|line| line.contains("ix_webhook_events_status")), "{plan:#?}");
}

#[tokio::test]
async fn a_body_reads_as_json_where_it_is_json() {
    let database = Database::create().await;
    let json = event("lead-1", INSTANT, 1);
    let mut nul = event("lead-2", INSTANT, 2);
    nul.body = br#"{"a":"\u0000"}"#.to_vec();
    let mut text = event("lead-3", INSTANT, 3);
    text.body = b"not json".to_vec();
    let mut bytes = event("lead-4", INSTANT, 4);
    bytes.body = vec![0xff, 0xfe];
    let mut deep = event("lead-5", INSTANT, 5);
    deep.body = "[".repeat(100_000).into_bytes();
    admitted(database.pool(), &[&json, &nul, &text, &bytes, &deep]).await;
    let read: Vec<Option<String>> =
        sqlx::query_scalar("select e.payload ->> 'id' from webhook_events e order by stream_sequence")
            .fetch_all(database.pool())
            .await
            .unwrap();
    assert_eq!(read, [Some("lead-1".to_owned()), None, None, None, None]);
}
