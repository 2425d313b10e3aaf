//! `weir replay`, `weir dead-letters replay`, and the chain in `weir events show`.

use std::time::Duration;

use bus::Topology;
use contract::{Envelope, EventId};
use lifecycle::Shutdown;
use serde_json::Value;
use store::webhook_events::{self, Event, Position, Reason};
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;

use crate::{Run, weir};

const BODY: &[u8] =
    br#"{"id":"lead-1","n":12345678901234567890,"attributes":{"updated_at":"2026-01-20T10:00:00Z"}}"#;

/// Dead lead events with their dead letters, as the consumer leaves them.
async fn graves(database: &Database, count: u64) -> Vec<EventId> {
    let now = OffsetDateTime::now_utc();
    let mut connection = database.pool().acquire().await.unwrap();
    let mut ids = Vec::new();
    for sequence in 1..=count {
        let envelope = Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.other".to_owned(),
            subject: Some(format!("lead-{sequence}")),
            time: now,
            content_type: "application/json".to_owned(),
            dedup_key: format!("c2s:{sequence}"),
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: std::collections::BTreeMap::new(),
        };
        let event = Event {
            provider: "c2s",
            envelope: &envelope,
            body: BODY,
            lead_id: None,
            updated_at: None,
            position: Position { stream: "C2S", subject: "ingest.c2s.other", sequence },
            attempt: 5,
            trace_id: None,
        };
        let reason = Reason { code: contract::code::TIMEOUT, error: "too slow", headers: None };
        webhook_events::record_dead(&mut connection, &event, reason, now).await.unwrap();
        sqlx::query(
            "insert into dead_letters (id, event_id, consumer, provider, source, event_type, subject, dedup_key, stream,
                stream_subject, stream_sequence, content_type, attempts, reason_code, last_error, fingerprint, received_at,
                first_failed_at, last_failed_at, found_by, body, headers)
            select $3, id, 'c2s-leads', provider, source, event_type, subject, dedup_key, stream,
                stream_subject, stream_sequence, content_type, 5, error_code, error_message, 'group-1', received_at,
                received_at, received_at, 'verdict', body, $2
            from webhook_events where id = $1",
        )
        .bind(envelope.id.0)
        .bind(serde_json::to_value(envelope.headers()).unwrap())
        .bind(EventId::generate().0)
        .execute(&mut *connection)
        .await
        .unwrap();
        ids.push(envelope.id);
    }
    ids
}

struct Desk {
    database: Database,
    events: Vec<EventId>,
}

impl Desk {
    async fn with(graves: u64) -> Self {
        let database = Database::create().await;
        let events = self::graves(&database, graves).await;
        Self { database, events }
    }

    fn weir(&self, arguments: &[&str]) -> Run {
        weir(&[("DATABASE_URL", self.database.url())], arguments)
    }

    fn document(&self, arguments: &[&str]) -> Value {
        self.weir(&[arguments, &["--json"]].concat()).document()
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_shows_and_starts_nothing() {
    let desk = Desk::with(12).await;
    for arguments in [
        &["replay", "start", "--status", "dead_letter", "--dry-run"][..],
        &["dead-letters", "replay", "--group", "group-1", "--dry-run"],
    ] {
        let planned = desk.document(arguments);
        assert_eq!((&planned["count"], &planned["refused"]), (&12.into(), &Value::Array(Vec::new())));
        assert_eq!(planned["sample"].as_array().unwrap().len(), 10);
        assert_eq!(planned["sample"][0]["id"], desk.events[0].to_string());
    }
    let shown = desk.weir(&["replay", "start", "--provider", "c2s", "--dry-run"]).stdout();
    assert!(shown.starts_with("12 events would be published again"), "{shown}");
    assert!(shown.contains("and 2 more"), "{shown}");
    assert_eq!(desk.document(&["replay", "status"]).as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn an_empty_filter_is_refused_as_a_mistake_of_the_command_line() {
    let desk = Desk::with(1).await;
    // A word that a script forgot to fill in is refused beside others, too: without it the filter means more.
    let of_all = "an empty filter would replay everything";
    for (arguments, said) in [
        (&["replay", "start"][..], of_all),
        (&["dead-letters", "replay"], of_all),
        (&["replay", "start", "--text", ""], "it is empty"),
        (&["replay", "start", "--status", "dead_letter", "--provider", ""], "it is empty"),
        (&["dead-letters", "discard", "--text", "", "--because", "noise"], "it is empty"),
    ] {
        let run = desk.weir(arguments);
        assert_eq!(run.code(), 2, "{arguments:?}");
        assert!(run.stderr().contains(said), "{}", run.stderr());
    }
    let run = desk.weir(&["replay", "start", "--provider", "c2s", "--consumer", "nobody"]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("c2s-leads"), "{}", run.stderr());
    let run = desk.weir(&["replay", "start", "0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10"]);
    assert_eq!(run.code(), 1);
    let run = desk.weir(&["dead-letters", "replay", "0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10"]);
    assert_eq!(run.code(), 1);
    assert_eq!(desk.document(&["replay", "status"]).as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_job_is_started_paused_resumed_and_aborted_by_its_name() {
    let desk = Desk::with(3).await;
    let status = |document: &Value| document["job"]["status"].as_str().unwrap().to_owned();
    let started = desk.document(&["replay", "start", "--provider", "c2s", "--name", "again", "--rate", "7"]);
    assert_eq!(status(&started), "running");
    assert_eq!(started["job"]["rate_per_second"], 7);
    assert_eq!(started["progress"]["pending"], 3);
    assert_eq!(started["has_runner"], false);
    assert_eq!(started["job"]["selection"], serde_json::json!({ "of": "events", "provider": "c2s" }));
    for (verb, expected) in
        [("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("abort", "aborted")]
    {
        assert_eq!(status(&desk.document(&["replay", verb, "again"])), expected, "{verb}");
    }
    let refused = desk.weir(&["replay", "resume", "again"]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr().contains("again is aborted"), "{}", refused.stderr());
    assert_eq!(desk.weir(&["replay", "pause", "nobody"]).code(), 1);
    let taken = desk.weir(&["replay", "start", "--provider", "c2s", "--name", "again"]);
    assert_eq!(taken.code(), 2, "{}", taken.stderr());
    let listed = desk.weir(&["replay", "status"]).stdout();
    assert!(listed.contains("again") && listed.contains("0 of 3"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_to_its_end_and_its_replays_are_shown_with_the_event() {
    let desk = Desk::with(5).await;
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let shutdown = Shutdown::default();
    let runner = replay::run(bus.clone(), desk.database.pool().clone(), broker.config(), shutdown.clone());
    let runner = shutdown.spawn(runner);
    let id = desk.events[0].to_string();
    let arguments = ["dead-letters", "replay", &id, "--name", "one", "--follow", "--json"];
    let variables = [("DATABASE_URL".to_owned(), desk.database.url().to_owned())];
    let arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    let followed = tokio::task::spawn_blocking(move || {
        let variables: Vec<_> = variables.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        weir(&variables, &arguments).document()
    });
    let followed = followed.await.unwrap();
    assert_eq!(followed["job"]["status"], "completed");
    assert_eq!(followed["progress"]["published"], 1);
    assert_eq!(followed["outcomes"]["open"], 1, "nobody consumes it here");

    let shown = desk.document(&["events", "show", &id]);
    let chain = shown["chain"].as_array().unwrap();
    assert_eq!(chain.len(), 2, "{shown}");
    assert_eq!((&chain[1]["replayed_from"], &chain[1]["job"]), (&id.as_str().into(), &"one".into()));
    assert_eq!((&chain[1]["status"], &chain[1]["consumer"]), (&"open".into(), &"c2s-leads".into()));
    let text = desk.weir(&["events", "show", &id]).stdout();
    assert!(text.contains("replays:"), "{text}");
    let stream = bus.jetstream().get_stream("C2S").await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.subject.as_str(), "replay.c2s.c2s-leads.other");
    shutdown.drain();
    eventually("the runner ends", Duration::from_secs(20), async || runner.is_finished().then_some(())).await;
}

#[tokio::test]
async fn an_edit_is_shown_before_it_is_published_and_refused_when_it_is_not_valid() {
    let desk = Desk::with(1).await;
    let id = desk.events[0].to_string();
    let set = "/attributes/updated_at=2026-02-01T10:00:00Z";
    let shown = desk.document(&["replay", "edit", &id, "--set", set, "--dry-run"]);
    let diff = shown["diff"].as_str().unwrap();
    assert!(diff.contains(r#"-    "updated_at": "2026-01-20T10:00:00Z""#), "{diff}");
    assert!(diff.contains(r#"+    "updated_at": "2026-02-01T10:00:00Z""#), "{diff}");
    for (arguments, code, reason) in [
        (&["--set", "/attributes/updated_at=soon"][..], 1, "invalid_updated_at"),
        (&["--set", "/attributes={}"], 1, "missing_updated_at"),
        (&["--set", "/id=lead-1"], 1, "as it was before"),
        (&["--set", "/a/b/c=1"], 1, "/a/b/c"),
        (&["--set", "id=1"], 2, "begins with /"),
        (&["--body", "no/such/file"], 2, "cannot read"),
        (&[], 2, "--body"),
    ] {
        let run = desk.weir(&[&["replay", "edit", &id], arguments].concat());
        assert_eq!(run.code(), code, "{arguments:?}: {}", run.stderr());
        assert!(run.stderr().contains(reason), "{arguments:?}: {}", run.stderr());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body.json");
    std::fs::write(&file, str::from_utf8(BODY).unwrap().replace("lead-1", "lead-2")).unwrap();
    let arguments = ["replay", "edit", &id, "--body", file.to_str().unwrap(), "--name", "mended"];
    assert_eq!(desk.document(&arguments)["progress"]["pending"], 1);
    let kept: Vec<u8> =
        sqlx::query_scalar("select body from replay_edits").fetch_one(desk.database.pool()).await.unwrap();
    assert_eq!(kept, std::fs::read(&file).unwrap());
    let shown = desk.weir(&["events", "show", &id]).stdout();
    assert!(shown.contains("edited by mended:"), "{shown}");
}
