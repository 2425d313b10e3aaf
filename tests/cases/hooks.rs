//! Processes that die while they send to a hook.

use std::{collections::HashMap, time::Duration};

use e2e::{Options, System, binary};
use serde_json::{Value, json};
use simulators::{Script, Step, stranger, usage::Sender};
use testkit::eventually;
use tokio::process::Command;

const TOKEN: &str = "e2e-usage-0123456789abcdef";
const EVENTS: usize = 60;
const KILLS: usize = 8;

/// What the hook does: mostly it is slow; now and then it fails, or its answer is lost.
fn steps() -> impl Iterator<Item = Step> {
    (0..1_000).map(|number| match number % 10 {
        3 => Step::Status(500, "not now"),
        7 => Step::Lost,
        _ => Step::Slow(Duration::from_millis(120)),
    })
}

async fn system() -> System {
    let both = [
        ("WEIR_ZAPIER__PROBE_LISTEN", "127.0.0.1:0"),
        ("WEIR_SEAL__KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1"),
        ("WEIR_OUTBOUND__CIRCUIT_FAILURES_MAX", "1000"),
    ];
    let edge =
        [("WEIR_EDGE__PROVIDERS__USAGE__ENABLED", "true"), ("WEIR_EDGE__PROVIDERS__USAGE__SECRETS", TOKEN)];
    let owned = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
    System::start(Options {
        both: both.iter().map(owned).collect(),
        edge: edge.iter().map(owned).collect(),
        ..Options::default()
    })
    .await
}

/// Makes a hook, as an operator does.
async fn add_hook(system: &System, url: &str) {
    std::fs::write(system.folder().join("url.txt"), url).unwrap();
    let arguments = ["zapier", "hooks", "add", "slow", "--kind", "webhook", "--url-file", "url.txt"];
    let limits = ["--rate", "10000/1s", "--burst", "1000", "--timeout", "1", "--attempts", "11"];
    let output = Command::new(binary("weir"))
        .args(arguments.iter().chain(&limits))
        .env_clear()
        .envs(system.environment(&[]))
        .current_dir(system.folder())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let hurry = "update hooks set retry_base_ms = 50, retry_max_ms = 400";
    sqlx::query(hurry).execute(system.pool()).await.unwrap();
}

#[tokio::test]
async fn whatever_dies_every_event_reaches_its_hook_under_one_id() {
    let system = system().await;
    let hook = Script::of(steps());
    let server = stranger(&hook).await.unwrap();
    add_hook(&system, &server.url()).await;
    let sender = Sender::new(&format!("{}/api/webhook/usage", system.edge_url()), TOKEN).unwrap();
    let reports: Vec<Value> =
        (0..EVENTS).map(|number| json!({ "session_id": "s", "event_id": format!("e-{number}") })).collect();
    assert_eq!(sender.deliver(&json!(reports), None).await.unwrap().status, 200);

    let mut sending = system.start_program("weir-zapier").await;
    for _ in 0..KILLS {
        let moment = hook.requests().len() + rand::random_range(1..6);
        eventually("it sends", e2e::DEADLINE, async || (hook.requests().len() >= moment).then_some(())).await;
        sending.kill().await;
        // A minute later, as it were: what the dead process held may be sent by another.
        let later = "update hook_deliveries set claimed_until = statement_timestamp() where claimed_until is not null";
        sqlx::query(later).execute(system.pool()).await.unwrap();
        sending = system.start_program("weir-zapier").await;
    }
    let events = i64::try_from(EVENTS).unwrap();
    system.until_count("select count(*) from hook_deliveries where status = 'delivered'", events).await;
    system.until_consumed("USAGE", "zapier-dispatcher").await;
    system
        .until_count(
            "select count(*) from event_handlings where consumer = 'zapier-dispatcher' and status = 'completed'",
            events,
        )
        .await;
    assert_eq!(system.count("select count(*) from dead_letters").await, 0);
    accounts_agree(&system, &hook).await;
}

/// What the hook saw, and what we have on record.
async fn accounts_agree(system: &System, hook: &Script) {
    let mut seen: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    for request in hook.requests() {
        let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
        seen.entry(id).or_default().push(request.body.to_vec());
    }
    assert_eq!(seen.len(), EVENTS, "one id for each event, however often it was sent");
    let on_record: Vec<(String, i64, i64)> = sqlx::query_as(
        "select event_id::text, count(*), count(*) filter (where outcome = 'delivered')
        from hook_attempts group by event_id",
    )
    .fetch_all(system.pool())
    .await
    .unwrap();
    for (id, attempts, delivered) in on_record {
        let bodies = &seen[&id];
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{id}: the same bytes every time");
        assert_eq!(delivered, 1, "{id}");
        assert!(i64::try_from(bodies.len()).unwrap() <= attempts, "{id}: {} of {attempts}", bodies.len());
    }
    let abandoned = system.count("select count(*) from hook_attempts where error_code = 'abandoned'").await;
    assert!(abandoned > 0, "the kills met somebody at work");
    let late =
        "select count(*) from hook_attempts attempt join hook_deliveries delivery using (event_id, hook_id)
        where attempt.started_at > delivery.finished_at";
    assert_eq!(system.count(late).await, 0, "what was completed is not sent again");
}
