//! `weir dead-letters`.

use std::collections::BTreeMap;

use contract::{Envelope, EventId};
use serde_json::Value;
use store::{
    dead_letters::{FoundBy, NewDeadLetter, record},
    webhook_events::Position,
};
use testkit::Database;
use time::OffsetDateTime;

use crate::{Run, weir};

/// Dead letters of these leads; the bodies of odd ones are no text.
async fn given(leads: &[&str]) -> (Database, Vec<EventId>) {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let now = OffsetDateTime::now_utc();
    let mut ids = Vec::new();
    for (number, lead) in leads.iter().enumerate() {
        let envelope = Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject: Some((*lead).to_owned()),
            time: now,
            content_type: "application/json".to_owned(),
            dedup_key: format!("c2s:{number}"),
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: BTreeMap::new(),
        };
        let body: &[u8] = if number % 2 == 0 { br#"{"id" :1}"# } else { b"\xff\x00" };
        let error = format!("timeout: lead {lead} took {number} s");
        let letter = NewDeadLetter {
            event_id: envelope.id.0,
            consumer: "c2s-leads",
            provider: "c2s",
            envelope: &envelope,
            dedup_key: &envelope.dedup_key,
            body: Some(body),
            headers: None,
            position: Position { stream: "C2S", subject: "ingest.c2s.created", sequence: number as u64 + 1 },
            attempts: 5,
            reason_code: "attempts_exhausted",
            last_error: Some(&error),
            first_failed_at: now,
            last_failed_at: now,
            trace_id: None,
            found_by: FoundBy::Verdict,
        };
        record(&mut connection, &[letter]).await.unwrap();
        ids.push(envelope.id);
    }
    (database, ids)
}

fn run(database: &Database, arguments: &[&str]) -> Run {
    weir(&[("DATABASE_URL", database.url())], &[&["dead-letters"], arguments].concat())
}

#[tokio::test]
async fn dead_letters_are_listed_newest_first_filtered_and_paged() {
    let (database, ids) = given(&["lead-0", "lead-1", "lead-2"]).await;
    let listed = |arguments: &[&str]| {
        let document = run(&database, &[&["list", "--json"], arguments].concat()).document();
        document.as_array().unwrap().clone()
    };
    let subjects = |letters: &[Value]| {
        letters.iter().map(|letter| letter["subject"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = listed(&[]);
    assert_eq!(subjects(&all), ["lead-2", "lead-1", "lead-0"]);
    assert_eq!(subjects(&listed(&["--lead", "lead-1", "--status", "dead", "--since", "1h"])), ["lead-1"]);
    assert_eq!(subjects(&listed(&["--text", "lead-2 took"])), ["lead-2"]);
    assert!(listed(&["--provider", "instagram"]).is_empty());
    let after = all[0]["id"].as_str().unwrap();
    assert_eq!(subjects(&listed(&["--limit", "1", "--after", after])), ["lead-1"]);
    assert!(run(&database, &["list"]).stdout().contains("attempts_exhausted"));

    // By the event's id, too.
    let shown = run(&database, &["show", &ids[0].to_string(), "--json"]).document();
    assert_eq!((&shown["body"], &shown["subject"]), (&r#"{"id" :1}"#.into(), &"lead-0".into()));
    assert_eq!(shown["headers"][0][0], "ce-id");
    assert_eq!(run(&database, &["show", after, "--raw"]).stdout(), r#"{"id" :1}"#);
    let unknown = run(&database, &["show", &EventId::generate().to_string()]);
    assert_eq!(unknown.code(), 1);
}

#[tokio::test]
async fn a_group_is_found_and_discarded_with_a_reason() {
    let (database, _) = given(&["lead-0", "lead-1", "lead-2"]).await;
    let groups = run(&database, &["groups", "--json"]).document();
    assert_eq!((groups.as_array().unwrap().len(), &groups[0]["count"]), (1, &3.into()));
    assert_eq!(groups[0]["title"], "timeout: lead <id> took <n> s");
    let group = groups[0]["fingerprint"].as_str().unwrap();

    let everything = run(&database, &["discard", "--because", "tidy"]);
    assert_eq!(everything.code(), 2, "nothing in particular was chosen");
    assert_eq!(run(&database, &["discard", "--group", group]).code(), 2, "a reason is needed");
    let dry = run(&database, &["discard", "--group", group, "--because", "test data", "--dry-run", "--json"]);
    assert_eq!(dry.document()["count"], 3);
    let done = run(&database, &["discard", "--group", group, "--because", "test data", "--json"]);
    assert_eq!(done.document()["discarded"], 3);
    assert!(run(&database, &["groups"]).stdout().contains("no dead letters match"));
    let kept = run(&database, &["list", "--status", "discarded", "--json"]).document();
    assert_eq!(kept[0]["discard_reason"], "test data");
}

#[tokio::test]
async fn an_export_is_one_exact_document_a_line() {
    let leads: Vec<_> = (0..120).map(|number| format!("lead-{number}")).collect();
    let (database, _) = given(&leads.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let exported = run(&database, &["export", "--provider", "c2s"]).stdout();
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 120);
    assert_eq!((&lines[0]["subject"], &lines[0]["body"]), (&"lead-0".into(), &r#"{"id" :1}"#.into()));
    assert_eq!((&lines[1]["body"], &lines[1]["body_base64"]), (&Value::Null, &"/wA=".into()));
    assert_eq!(lines[119]["subject"], "lead-119");
}
