//! The program as it is shipped.

use std::{
    process::{Command as Signal, Stdio},
    time::Duration,
};

use bus::{Publisher, Topology};
use contract::stream::{ingest_subject, usage::STREAM};
use simulators::{Step, zapier::CatchHook};
use testkit::{Broker, Database, OtlpReceiver, eventually};
use tokio::{process::Command, time::timeout};

use crate::given::{DEADLINE, KEY, SECRET, envelope, report};

#[tokio::test]
async fn the_older_variables_are_enough_and_no_secret_is_in_a_log_or_a_span() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let (collector, hook) = (OtlpReceiver::start().await, CatchHook::default());
    let server = hook.start().await.unwrap();
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let log = tempfile("older");
    let mut process = program(&broker, database.url())
        .env("ZAPIER_WEBHOOK_URL", CatchHook::url(&server))
        .env("ENABLE_WEBHOOK", "true")
        .env("WEBHOOK_SECRET", SECRET)
        .env("WEBHOOK_MAX_RETRIES", "3")
        .env("WEBHOOK_TIMEOUT_SECONDS", "10")
        .env("WEBHOOK_RETRY_DELAY_SECONDS", "60")
        .env("WEBHOOK_RATE_LIMIT", "100")
        .env("WEBHOOK_RATE_WINDOW", "3600")
        .env("WEBHOOK_BURST_ALLOWANCE", "10")
        .env("WEIR_SEAL__KEYS", KEY)
        .env("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1")
        .env("WEIR_LOG__LEVEL", "trace")
        .env("WEIR_LOG__FORMAT", "json")
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
        .stdout(Stdio::from(log.0.try_clone().unwrap()))
        .stderr(Stdio::from(log.0))
        .spawn()
        .unwrap();
    let publisher = Publisher::new(&bus, &broker.config());
    let hooks = "select count(*) from hooks where enabled and attempts_max = 4 and timeout_ms = 10000
        and retry_base_ms = 60000 and rate_count = 100 and rate_window_ms = 3600000 and rate_burst = 10";
    eventually("the hook is made", DEADLINE, async || {
        let count: i64 = sqlx::query_scalar(hooks).fetch_one(database.pool()).await.unwrap();
        (count == 1).then_some(())
    })
    .await;
    let body = report("session_123", 1);
    let event = bus::Event {
        stream: STREAM,
        subject: ingest_subject("usage", "event"),
        envelope: envelope(&body),
        payload: body.to_string().into(),
    };
    publisher.publish(event).await.unwrap();
    eventually("the Zap runs", DEADLINE, async || (hook.runs().len() == 1).then_some(())).await;
    collector.wait_for("the attempt", |span| span.name == "hook.attempt").await;
    collector.wait_for("the call", |span| span.name == "POST hooks").await;

    let id = i32::try_from(process.id().unwrap()).unwrap().to_string();
    assert!(Signal::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let status = timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
    let text = std::fs::read_to_string(&log.1).unwrap();
    assert!(
        text.lines().any(|line| line.contains("webhook_success") && line.contains("session_123")),
        "{text}"
    );
    let spans = format!("{:?}", collector.spans());
    for (what, text) in [("log", &text), ("spans", &spans)] {
        for secret in
            ["sim0hook", "1234567/", "C2FVsBQIhrscChlQIMV", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Fix bug 1"]
        {
            assert!(!text.contains(secret), "{secret} is in the {what}");
        }
    }
    std::fs::remove_file(&log.1).ok();
}

#[tokio::test]
async fn a_hook_that_repeats_its_url_tells_it_to_nobody() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let (collector, hook) = (OtlpReceiver::start().await, CatchHook::default());
    let server = hook.start().await.unwrap();
    let url = CatchHook::url(&server);
    hook.script.then([Step::Echo(500), Step::Echo(404), Step::Redirect(url.clone()), Step::Echo(410)]);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let log = tempfile("echo");
    let mut process = program(&broker, database.url())
        .env("WEIR_ZAPIER__HOOK__URL", format!("{url}?token=sim0token"))
        .env("WEIR_ZAPIER__HOOK__ENABLED", "true")
        .env("WEIR_ZAPIER__HOOK__SECRET", SECRET)
        .env("WEIR_ZAPIER__HOOK__RETRY_BASE_MS", "50")
        .env("WEIR_SEAL__KEYS", KEY)
        .env("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1")
        .env("WEIR_LOG__LEVEL", "trace")
        .env("WEIR_LOG__FORMAT", "json")
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
        .stdout(Stdio::from(log.0.try_clone().unwrap()))
        .stderr(Stdio::from(log.0))
        .spawn()
        .unwrap();
    let address = eventually("it answers", DEADLINE, async || {
        let text = std::fs::read_to_string(&log.1).unwrap();
        let (_, rest) = text.split_once("\"address\":\"")?;
        rest.split_once('"').map(|(address, _)| address.to_owned())
    })
    .await;
    counted(&database, "the hook is made", "select count(*) from hooks where enabled", 1).await;
    let publisher = Publisher::new(&bus, &broker.config());
    for number in 0..3 {
        let body = report("session_123", number);
        let (subject, payload) = (ingest_subject("usage", "event"), body.to_string().into());
        let event = bus::Event { stream: STREAM, subject, envelope: envelope(&body), payload };
        publisher.publish(event).await.unwrap();
        // One after the other, so that each meets the step that is meant for it.
        let tried = "select coalesce(count(*), 0) from hook_attempts where outcome in ('dead', 'disabled')";
        counted(&database, "it is given up", tried, i64::try_from(number).unwrap() + 1).await;
    }
    let metrics = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("weir_hook_attempts"), "{metrics}");
    collector.wait_for("an attempt", |span| span.name == "hook.attempt").await;
    let id = i32::try_from(process.id().unwrap()).unwrap().to_string();
    assert!(Signal::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    let rows: String = sqlx::query_scalar(
        "select concat(
            (select string_agg(t::text, ' ') from hook_attempts t), (select string_agg(t::text, ' ') from hook_deliveries t),
            (select string_agg(t::text, ' ') from dead_letters t), (select string_agg(t::text, ' ') from event_handlings t),
            (select string_agg(t::text, ' ') from hooks t))",
    )
    .fetch_one(database.pool())
    .await
    .unwrap();
    assert!(rows.contains("Cannot POST") && rows.contains("302"), "{rows}");
    let text = std::fs::read_to_string(&log.1).unwrap();
    let spans = format!("{:?} {:?}", collector.spans(), collector.logs());
    for (what, text) in [("log", &text), ("telemetry", &spans), ("metrics", &metrics), ("tables", &rows)] {
        for secret in ["sim0hook", "1234567/", "sim0token", "C2FVsBQIhrscChlQIMV"] {
            assert!(!text.contains(secret), "{secret} is in the {what}");
        }
    }
    std::fs::remove_file(&log.1).ok();
}

async fn counted(database: &Database, what: &str, sql: &'static str, expected: i64) {
    eventually(what, DEADLINE, async || {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(database.pool()).await.unwrap();
        (count == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hook_without_a_key_to_seal_it_stops_the_process_with_a_sentence() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let output = program(&broker, database.url())
        .env("ZAPIER_WEBHOOK_URL", "https://hooks.zapier.com/hooks/catch/1234567/sim0hook/")
        .env("ENABLE_WEBHOOK", "true")
        .stderr(Stdio::piped())
        .output();
    let output = timeout(Duration::from_secs(20), output).await.expect("it ends").unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("seal.keys is missing"), "{error}");
    assert!(!error.contains("sim0hook"), "{error}");
}

fn program(broker: &Broker, database_url: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_weir-zapier"));
    program
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database_url)
        .env("WEIR_ZAPIER__PROBE_LISTEN", "127.0.0.1:0")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    program
}

/// A file of this test's own.
fn tempfile(name: &str) -> (std::fs::File, std::path::PathBuf) {
    let name = format!("zapier-{name}-{}.log", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    (std::fs::File::create(&path).unwrap(), path)
}
