//! The program as it is shipped.

use std::{process::Stdio, time::Duration};

use async_nats::HeaderMap;
use bus::{Publisher, Topology};
use contract::{
    header::TRACEPARENT,
    stream::{c2s::STREAM, ingest_subject},
};
use testkit::{Broker, Database, OtlpReceiver, PostgresServer, eventually};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::given::{DEADLINE, body, envelope, let_pass, signal};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISH_SPAN: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn the_trace_of_an_event_ends_in_its_sql_and_sigterm_ends_the_process_well() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let collector = OtlpReceiver::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut process = program(&broker, database.url())
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
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

    terminate(&process);
    let status = timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_although_the_database_is_frozen() {
    let (broker, database) = (Broker::start().await, PostgresServer::start().await);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut process = program(&broker, &database.url()).spawn().unwrap();
    let publisher = Publisher::new(&bus, &broker.config());
    let send = async |lead: &str| {
        let body = body(lead, "2026-01-20T10:00:00Z", "Joao");
        let (subject, envelope) = (ingest_subject("c2s", "updated"), envelope(&body));
        publisher
            .publish(bus::Event { stream: STREAM, subject, envelope, payload: body.into() })
            .await
            .unwrap()
    };
    send("lead-1").await;
    let mut holder = database.pool().acquire().await.unwrap();
    eventually("it works", DEADLINE, async || {
        let leads = sqlx::query_scalar::<_, i64>("select count(*) from leads");
        (leads.fetch_one(&mut *holder).await.unwrap() == 1).then_some(())
    })
    .await;
    sqlx::raw_sql("begin; lock table leads in access exclusive mode").execute(&mut *holder).await.unwrap();
    send("lead-2").await;
    let waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock'";
    let backend: i32 = eventually("a statement waits", DEADLINE, async || {
        sqlx::query_scalar(waiting).fetch_optional(&mut *holder).await.unwrap()
    })
    .await;
    signal(&[backend], "STOP");
    terminate(&process);
    let_pass(Duration::from_millis(500)).await;
    assert!(process.try_wait().unwrap().is_none(), "it waits for the statement");
    terminate(&process);
    let status = timeout(Duration::from_secs(8), process.wait()).await.expect("the process ends").unwrap();
    assert!(!status.success(), "it left something behind");
    signal(&[backend], "CONT");
}

/// The program, about to run on these.
fn program(broker: &Broker, database_url: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_weir-c2s"));
    program
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database_url)
        .env("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    program
}

fn terminate(process: &Child) {
    signal(&[i32::try_from(process.id().unwrap()).unwrap()], "TERM");
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
