//! The program as it is shipped.

use std::process::Stdio;

use async_nats::HeaderMap;
use bus::Topology;
use contract::header::TRACEPARENT;
use testkit::{Broker, Database, OtlpReceiver};
use tokio::{process::Command, time::timeout};

use crate::given::{DEADLINE, body, envelope};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISH_SPAN: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn the_trace_of_an_event_ends_in_its_sql_and_sigterm_ends_the_process_well() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let collector = OtlpReceiver::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_weir-c2s"))
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database.url())
        .env("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0")
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    let sent = body("lead-1", "2026-01-20T10:00:00Z", "Joao");
    let mut headers = HeaderMap::new();
    for (name, value) in envelope(&sent).headers() {
        headers.insert(name, value);
    }
    headers.insert(TRACEPARENT, format!("00-{TRACE}-{PUBLISH_SPAN}-01"));
    let published = bus.jetstream().publish_with_headers("ingest.c2s.updated", headers, sent.into());
    published.await.unwrap().await.unwrap();

    let insert = collector.wait_for("the insert", |span| span.name == "insert webhook_events").await;
    let attempt = collector.wait_for("the attempt", |span| span.name == "process c2s-leads").await;
    assert_eq!((insert.trace_id.as_str(), attempt.trace_id.as_str()), (TRACE, TRACE));
    assert_eq!(insert.parent_span_id.as_ref(), Some(&attempt.span_id));
    assert_eq!(attempt.parent_span_id.as_deref(), Some(PUBLISH_SPAN));
    assert_eq!(insert.kind, "Client");
    for (name, value) in [
        ("db.system.name", "postgresql"),
        ("db.operation.name", "insert"),
        ("db.collection.name", "webhook_events"),
    ] {
        assert_eq!(insert.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    let recorded: String =
        sqlx::query_scalar("select trace_id from webhook_events").fetch_one(database.pool()).await.unwrap();
    assert_eq!(recorded, TRACE);

    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    let status = timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_missing_setting_stops_the_process_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir-c2s"))
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("postgres.url"), "{error}");
}
