//! The program as it is shipped.

use std::process::Stdio;

use async_nats::HeaderMap;
use bus::Topology;
use contract::{header::TRACEPARENT, instagram::split};
use testkit::{Broker, Database, OtlpReceiver, eventually};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::given::{DEADLINE, envelope, from_user, messaging};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn program(broker: &Broker, database: &Database) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_weir-instagram"));
    program
        .env_clear()
        .env("WEIR_NATS__URLS", broker.url())
        .env("WEIR_POSTGRES__URL", database.url())
        .env("WEIR_INSTAGRAM__PROBE_LISTEN", "127.0.0.1:0")
        .env("WEIR_LOG__FORMAT", "json")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .kill_on_drop(true);
    program
}

async fn provisioned() -> (Broker, Database, bus::Bus) {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    (broker, database, bus)
}

#[tokio::test]
async fn the_trace_of_an_event_ends_in_its_sql_and_sigterm_ends_the_process_well() {
    let (broker, database, bus) = provisioned().await;
    let collector = OtlpReceiver::start().await;
    let mut process = program(&broker, &database)
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let body = messaging(&from_user(1, r#""message":{"mid":"m-1","text":"hi"}"#));
    let event = split(&body).unwrap().remove(0).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in envelope(&event).headers() {
        headers.insert(name, value);
    }
    headers.insert(TRACEPARENT, format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let published = bus.jetstream().publish_with_headers(
        "ingest.instagram.messages",
        headers,
        event.body.to_owned().into(),
    );
    published.await.unwrap().await.unwrap();
    let insert = collector.wait_for("the insert", |span| span.name == "insert webhook_events").await;
    assert_eq!(insert.trace_id, TRACE);
    end(&mut process).await;
}

#[tokio::test]
async fn metrics_tell_how_silent_meta_is() {
    let (broker, database, _bus) = provisioned().await;
    sqlx::query(
        "insert into instagram_accounts (account_id, first_webhook_at, last_webhook_at)
         values ('1', now(), now()), ('2', now(), now() - interval '2 hours')",
    )
    .execute(database.pool())
    .await
    .unwrap();
    let mut process = program(&broker, &database).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let says_where = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says where it answers probes");
            if let (true, Some(at)) = (line.contains("answering probes"), line.find("127.0.0.1:")) {
                return line[at..].split('"').next().unwrap().to_owned();
            }
        }
    };
    let address = timeout(DEADLINE, says_where).await.unwrap();
    let metrics = eventually("the gauges are there", DEADLINE, async || {
        let text = get(&address, "/metrics").await;
        text.contains("\nweir_instagram_last_webhook_timestamp_seconds").then_some(text)
    })
    .await;
    let value = |name: &str| {
        let is_it = |line: &&str| line.split(['{', ' ']).next() == Some(name);
        metrics.lines().find(is_it).unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((value("weir_instagram_accounts"), value("weir_instagram_accounts_silent")), (2.0, 1.0));
    assert!(value("weir_instagram_last_webhook_timestamp_seconds") > 1_700_000_000.0);
    end(&mut process).await;
}

#[tokio::test]
async fn a_missing_setting_stops_the_process_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir-instagram"))
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

async fn end(process: &mut Child) {
    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    let status = timeout(DEADLINE, process.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
}

async fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}
