//! `weir events`.

use contract::{Envelope, EventId};
use store::webhook_events::{self, Event, Position};
use testkit::Database;
use time::OffsetDateTime;

use crate::weir;

/// Lead events as the consumer stores them; the second one's lead id tries to command the terminal.
async fn store(database: &Database, leads: &[&str]) -> Vec<EventId> {
    let now = OffsetDateTime::now_utc();
    let mut connection = database.pool().acquire().await.unwrap();
    let mut ids = Vec::new();
    for (number, lead) in leads.iter().enumerate() {
        let envelope = Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject: Some((*lead).to_owned()),
            time: now - time::Duration::hours(i64::try_from(number).unwrap()),
            content_type: "application/json".to_owned(),
            dedup_key: format!("c2s:{number}"),
            delivery_id: None,
            action: Some("lead.created".to_owned()),
            rejected: None,
            replayed_from: None,
            extensions: std::collections::BTreeMap::from([("kind", "messaging".to_owned())]),
        };
        let event = Event {
            provider: "c2s",
            envelope: &envelope,
            body: br#"{"id" :1, "name":"Jo\u00e3o"}"#,
            lead_id: Some(lead),
            updated_at: Some(now),
            position: Position { stream: "C2S", subject: "ingest.c2s.created", sequence: number as u64 + 1 },
            attempt: 1,
            trace_id: None,
        };
        webhook_events::admit(&mut connection, &[event], now).await.unwrap();
        ids.push(envelope.id);
    }
    ids
}

#[tokio::test]
async fn events_are_listed_newest_first_filtered_and_paged() {
    let database = Database::create().await;
    let ids = store(&database, &["lead-0", "lead-1", "lead-2"]).await;
    let listed = |arguments: &[&str]| {
        let arguments = [&["events", "list", "--json"], arguments].concat();
        let document = weir(&[("DATABASE_URL", database.url())], &arguments).document();
        let subjects =
            document.as_array().unwrap().iter().map(|event| event["subject"].as_str().unwrap().to_owned());
        subjects.collect::<Vec<_>>()
    };
    let newest = ids[0].to_string();
    assert_eq!(listed(&[]), ["lead-0", "lead-1", "lead-2"]);
    assert_eq!(listed(&["--since", "30m"]), ["lead-0"]);
    assert_eq!(listed(&["--until", "90m"]), ["lead-2"]);
    assert_eq!(listed(&["--lead", "lead-1", "--status", "completed", "--provider", "c2s"]), ["lead-1"]);
    assert_eq!(listed(&["--limit", "1", "--after", &newest]), ["lead-1"]);
    assert!(listed(&["--status", "dead_letter"]).is_empty());
    assert!(listed(&["--type", "c2s.lead.closed"]).is_empty());
}

#[tokio::test]
async fn an_event_is_shown_with_its_exact_bytes_and_cannot_command_the_terminal() {
    let database = Database::create().await;
    let ids = store(&database, &["lead-0", "lead-\u{1b}[31m"]).await;
    let variables = [("DATABASE_URL", database.url())];
    let id = ids[1].to_string();
    let raw = weir(&variables, &["events", "show", &id, "--raw"]);
    assert_eq!(raw.stdout(), r#"{"id" :1, "name":"Jo\u00e3o"}"#);

    for arguments in [&["events", "list"] as &[_], &["events", "show", &id]] {
        let run = weir(&variables, arguments);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        assert!(run.stdout().contains("lead-\u{fffd}[31m"), "{}", run.stdout());
        assert!(!run.stdout().contains('\u{1b}'), "{}", run.stdout());
    }
    let shown = weir(&variables, &["events", "show", &id]).stdout();
    assert!(shown.contains("\"name\": \"João\""), "{shown}");
    assert!(shown.contains("extensions.kind  messaging"), "{shown}");
    let document = weir(&variables, &["events", "show", &id, "--json"]).document();
    assert_eq!(document["body"], raw.stdout());
    assert_eq!(document["extensions"], serde_json::json!({"kind": "messaging"}));

    let unknown = weir(&variables, &["events", "show", "0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10"]);
    assert_eq!(unknown.code(), 1);
    assert!(unknown.stderr().contains("there is no event 0199a1c2"), "{}", unknown.stderr());
}
