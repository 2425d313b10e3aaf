//! Telemetry of a real process, seen from the collector and from its log lines.
//!
//! A process sets up its telemetry once, so each test starts this program again, with its settings in a variable: the
//! test `process_under_test` is what then runs.
#![cfg(test)]

use std::{
    net::TcpListener,
    process::Output,
    time::{Duration, Instant},
};

use config::OtlpProtocol;
use opentelemetry::KeyValue;
use serde_json::Value;
use testkit::OtlpReceiver;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const SETTINGS: &str = "WEIR_TELEMETRY_TEST";
/// More than one export's worth.
const SPANS: usize = 3000;
/// What `Telemetry::shutdown` promises, and room for a busy machine to start and end a process.
const PROCESS_DEADLINE: Duration = Duration::from_secs(5 + 10);

#[tokio::test]
async fn process_under_test() {
    #[expect(clippy::disallowed_methods, reason = "this is how the test that starts us gives its settings")]
    let Ok(settings) = std::env::var(SETTINGS) else {
        return;
    };
    let (endpoint, protocol) = settings.split_once(' ').unwrap();
    let mut settings = config::Settings::for_tests();
    settings.log.level = "trace".to_owned();
    settings.log.format = config::LogFormat::Json;
    settings.telemetry.environment = "test".to_owned();
    settings.telemetry.otlp_endpoint = (endpoint != "none").then(|| endpoint.to_owned());
    settings.telemetry.otlp_protocol =
        if protocol == "http" { OtlpProtocol::Http } else { OtlpProtocol::Grpc };
    settings.telemetry.otlp_headers = config::List(vec![config::Secret::from("api-key=hunter2-header")]);
    let telemetry = telemetry::init("weir-test", &settings.telemetry, &settings.log).unwrap();

    tracing::trace!(target: "async_nats::connection", password = "hunter2-nats", "write operation: CONNECT");
    telemetry::meter().u64_counter("weir_edge_events").build().add(1, &[KeyValue::new("provider", "c2s")]);
    assert!(telemetry.handle().render().contains("weir_edge_events_total{provider=\"c2s\"} 1"));

    let sent = tracing::info_span!("test.send", event.id = "e1");
    let mut headers = async_nats::HeaderMap::new();
    async { tracing::info!(duration_ms = 3, "sent") }.instrument(sent.clone()).await;
    telemetry::propagation::inject(&sent, &mut headers);
    assert_eq!(telemetry::propagation::trace_id(&sent).is_some(), endpoint != "none");

    let received = tracing::info_span!("test.receive");
    // An error without a collector, where no span has a context; with one, the receiver sees what came of it.
    received.set_parent(telemetry::propagation::from_message(&headers)).ok();
    drop((sent, received));
    for _ in 0..SPANS {
        drop(tracing::info_span!("test.flood").entered());
    }
    telemetry.shutdown().await;
    tracing::info!("said after the end");
}

/// Runs `process_under_test` until it ends.
async fn run(endpoint: &str, protocol: &str) -> Output {
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_under_test", "--nocapture"])
        .env(SETTINGS, format!("{endpoint} {protocol}"))
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(Duration::from_mins(1), output).await.expect("the process ends").unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The log lines with this message.
fn lines(output: &Output, message: &str) -> Vec<Value> {
    let stderr = text(&output.stderr);
    let lines =
        stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("every log line is JSON"));
    lines.filter(|line| line["message"].as_str().is_some_and(|text| text.contains(message))).collect()
}

async fn everything_arrives_over(protocol: &str) {
    let collector = OtlpReceiver::start().await;
    let endpoint = if protocol == "http" { collector.endpoint_http() } else { collector.endpoint_grpc() };
    let output = run(&endpoint, protocol).await;

    let sent = collector.wait_for("the sender's span", |span| span.name == "test.send").await;
    assert_eq!(sent.service, "weir-test");
    assert_eq!(sent.resource["service.namespace"], "weir");
    assert_eq!(sent.resource["deployment.environment.name"], "test");
    assert_eq!(sent.attributes["event.id"], "e1");

    let received = collector.wait_for("the receiver's span", |span| span.name == "test.receive").await;
    assert_eq!(received.trace_id, sent.trace_id, "one trace across the headers");
    assert_eq!(received.parent_span_id.as_ref(), Some(&sent.span_id));
    assert_eq!(collector.spans().iter().filter(|span| span.name == "test.flood").count(), SPANS);

    let line = &lines(&output, "sent")[0];
    assert_eq!(line["trace_id"], sent.trace_id.as_str(), "the line finds its trace");
    assert_eq!(line["span_id"], sent.span_id.as_str());
    assert_eq!(line["spans"][0]["event.id"], "e1", "fields of the span are on the line");
    assert_eq!(line["duration_ms"], 3);

    let record = collector.logs().into_iter().find(|record| record.body == "sent").expect("the log record");
    assert_eq!(record.trace_id, Some(sent.trace_id));
    assert!(collector.metric_names().contains(&"weir_edge_events".to_owned()));
}

#[tokio::test]
async fn everything_arrives_over_grpc() {
    everything_arrives_over("grpc").await;
}

#[tokio::test]
async fn everything_arrives_over_http() {
    everything_arrives_over("http").await;
}

#[tokio::test]
async fn no_secret_is_logged_even_at_trace() {
    let collector = OtlpReceiver::start().await;
    for (endpoint, protocol) in [(collector.endpoint_grpc(), "grpc"), (collector.endpoint_http(), "http")] {
        let output = run(&endpoint, protocol).await;
        assert!(!text(&output.stderr).contains("hunter2"), "{}", text(&output.stderr));
    }
    assert!(!collector.logs().is_empty());
    assert!(!format!("{:?}", collector.logs()).contains("hunter2"));
}

#[tokio::test]
async fn exporting_does_not_make_more_to_export() {
    let collector = OtlpReceiver::start().await;
    run(&collector.endpoint_grpc(), "grpc").await;
    run(&collector.endpoint_http(), "http").await;
    let ours = |name: &str| name.starts_with("test.");
    let strange: Vec<_> = collector.spans().into_iter().filter(|span| !ours(&span.name)).collect();
    assert_eq!(strange, []);
    let bodies: Vec<_> = collector.logs().into_iter().map(|record| record.body).collect();
    assert_eq!(bodies, ["sent", "sent"]);
}

#[tokio::test]
async fn a_collector_that_is_away_neither_spams_nor_blocks() {
    // A port that was free a moment ago: connections are refused.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (scheme, protocol) in [("http", "grpc"), ("http", "http"), ("https", "grpc"), ("https", "http")] {
        let start = Instant::now();
        let output = run(&format!("{scheme}://127.0.0.1:{port}"), protocol).await;
        assert!(start.elapsed() < PROCESS_DEADLINE, "{protocol}: {:?}", start.elapsed());
        let warnings = lines(&output, "collector is away");
        let traces = warnings.iter().filter(|line| line["signal"] == "traces").count();
        assert_eq!(traces, 1, "{protocol}: {}", text(&output.stderr));
        assert!(warnings.len() <= 3, "one for each signal: {warnings:?}");
        assert!(text(&output.stderr).lines().count() <= 2 + 3, "nothing else: {}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_hold_the_process() {
    // The kernel accepts connections, and nobody ever reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    for protocol in ["grpc", "http"] {
        let start = Instant::now();
        run(&endpoint, protocol).await;
        assert!(start.elapsed() < PROCESS_DEADLINE, "{protocol}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn without_a_collector_nothing_is_exported_and_the_rest_works() {
    let output = run("none", "grpc").await;
    let line = &lines(&output, "sent")[0];
    assert_eq!(line["spans"][0]["event.id"], "e1");
    assert_eq!(line["trace_id"], Value::Null, "there is no trace to find");
}
