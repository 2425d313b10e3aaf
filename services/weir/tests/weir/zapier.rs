//! `weir zapier`.

use std::fs;

use bus::Topology;
use simulators::{Server, Step, zapier::CatchHook};
use testkit::{Broker, Database};

use crate::{Run, weir_in};

/// 32 bytes of the letter A.
const KEY: &str = "2026-01:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

struct Given {
    broker: Broker,
    database: Database,
    hook: CatchHook,
    _server: Server,
    folder: tempfile::TempDir,
}

impl Given {
    async fn new() -> Self {
        let (broker, database, hook) =
            (Broker::start().await, Database::create().await, CatchHook::default());
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let server = hook.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("url.txt"), format!("{}\n", CatchHook::url(&server))).unwrap();
        Self { broker, database, hook, _server: server, folder }
    }

    async fn weir(&self, arguments: &[&str]) -> Run {
        let folder = self.folder.path().to_owned();
        let (broker, database) = (self.broker.url().to_owned(), self.database.url().to_owned());
        let arguments: Vec<String> =
            ["--log", "trace", "zapier"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
        // The server that it calls runs on this test's own thread.
        let run = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let variables = [
                ("NATS_URL", broker.as_str()),
                ("DATABASE_URL", database.as_str()),
                ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1"),
                ("WEIR_SEAL__KEYS", KEY),
            ];
            weir_in(&folder, &variables, &arguments)
        });
        let run = run.await.unwrap();
        for told in [run.stdout(), run.stderr()] {
            assert!(!told.contains("sim0hook") && !told.contains("QUFBQUFB"), "{told}");
        }
        run
    }
}

#[tokio::test]
async fn a_hook_is_made_tested_changed_rotated_and_removed_and_its_url_is_never_told() {
    let given = Given::new().await;
    let made = given.weir(&["hooks", "add", "sheets", "--url-file", "url.txt", "--json"]).await.document();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(given.weir(&["hooks", "add", "sheets", "--url-file", "url.txt"]).await.code(), 2);
    assert_eq!(
        given.weir(&["hooks", "add", "fast", "--url-file", "url.txt", "--rate", "31/1s"]).await.code(),
        2
    );

    let tested = given.weir(&["test", "--json"]).await.document();
    assert_eq!((tested[0]["validation"]["valid"].as_bool(), given.hook.requests().len()), (Some(true), 0));
    let sent = given.weir(&["test", "sheets", "--send", "--json"]).await.document();
    assert_eq!(sent[0]["validation"]["status_code"], 200);
    assert_eq!(given.hook.runs()[0]["test"], true);
    given.hook.script.then([Step::Status(500, "no")]);
    assert_eq!(given.weir(&["test", "sheets", "--send"]).await.code(), 1);

    let update = [
        "hooks", "update", "sheets", "--rate", "10/1s", "--burst", "5", "--filter", "usage.*", "--form",
        "nested",
    ];
    assert_eq!(given.weir(&update).await.code(), 0);
    let listed = given.weir(&["hooks", "list", "--json"]).await.document();
    assert_eq!(listed[0]["manner"]["rate_window_ms"], 1_000);
    assert_eq!((listed[0]["enabled"].as_bool(), listed[0]["key_id"].as_str()), (Some(true), Some("2026-01")));
    let rotated = given.weir(&["hooks", "rotate", "sheets", "--json"]).await.document();
    assert!(rotated["secret"] != made["secret"] && rotated["older_until"].is_string());
    assert_eq!(given.weir(&["hooks", "disable", "sheets"]).await.code(), 0);
    let table = given.weir(&["hooks", "list"]).await.stdout();
    assert!(table.contains("disabled: operator") && table.contains("with two secrets"), "{table}");
    assert_eq!(given.weir(&["hooks", "enable", "sheets"]).await.code(), 0);
    assert_eq!(given.weir(&["hooks", "remove", "sheets"]).await.code(), 0);
    assert_eq!(given.weir(&["hooks", "enable", "sheets"]).await.code(), 1);
}

#[tokio::test]
async fn the_older_clients_documents_are_there() {
    let given = Given::new().await;
    given.weir(&["hooks", "add", "sheets", "--url-file", "url.txt"]).await;
    sqlx::raw_sql(
        "insert into usage_queries (event_id, session_id, asked_at, received_at, category, estimated_complexity, model_used)
            values (gen_random_uuid(), 'session_123', now(), now(), 'general', 1, 'gpt-4'),
                (gen_random_uuid(), 'session_123', now() - interval '40 days', now(), 'general', 1, 'gpt-4');
        insert into usage_sessions values ('session_123', now(), now(), 1, 1, 0, 100, 0, 900, 1, '{gpt-4o-mini}', '{general}');
        insert into hook_attempts (event_id, hook_id, number, started_at, duration_ms, outcome, status_code)
            select gen_random_uuid(), id, 1, now(), 100, case when n <= 8 then 'delivered' else 'retry' end, 200
            from hooks, generate_series(1, 10) n",
    )
    .execute(given.database.pool())
    .await
    .unwrap();
    let run = given.weir(&["health", "--json"]).await;
    assert_eq!(run.code(), 1, "an alert is critical");
    let health: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(health["health"]["status"], "critical");
    assert_eq!(health["metrics"]["success_rate_1hour"], 0.8);
    assert_eq!(health["alerts"]["alert_counts"]["total"], 2);
    assert_eq!(health["alerts"]["active_alerts"][0]["id"], "webhook_success_rate_warning");
    let text = given.weir(&["health"]).await.stdout();
    assert!(
        text.contains("80.0%") && text.contains("CRITICAL: 20.0 % of the last hour's attempts failed"),
        "{text}"
    );
    let metrics = given.weir(&["metrics", "--json"]).await.document();
    assert_eq!(
        (metrics["total_sent"].as_i64(), metrics["avg_response_time_ms"].as_f64()),
        (Some(10), Some(100.0))
    );
    assert_eq!(metrics["analytics"]["sessions"]["total_queries"], 1);
    let status = given.weir(&["status", "--json"]).await.document();
    assert_eq!(
        (status["webhook_calls"]["remaining"].as_i64(), status["webhook_calls"]["limit"].as_i64()),
        (Some(90), Some(100))
    );
    let session = given.weir(&["sessions", "session_123", "--json"]).await.document();
    assert_eq!(session["total_tokens"], 100);
    assert_eq!(given.weir(&["sessions", "nobody"]).await.code(), 1);
    assert_eq!(
        given.weir(&["attempts", "--limit", "3", "--json"]).await.document().as_array().unwrap().len(),
        3
    );
    let removed = given.weir(&["cleanup", "--days", "30", "--json"]).await.document();
    assert_eq!(removed["removed"], 1, "{removed}");
    assert_eq!(
        given.weir(&["cleanup", "--days", "1"]).await.code(),
        2,
        "what could come again is remembered"
    );
}
