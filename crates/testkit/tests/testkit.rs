//! The kit keeps its own promises.
#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use async_nats::jetstream::{self, stream};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use testkit::{Broker, Database, Nodes, OtlpReceiver, PostgresServer, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const LIMIT: Duration = Duration::from_secs(20);

async fn connect(broker: &Broker) -> jetstream::Context {
    jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

#[tokio::test]
async fn a_broker_keeps_its_data_when_killed() {
    let mut broker = Broker::start().await;
    let url = broker.url().to_owned();
    let context = connect(&broker).await;
    let config = stream::Config {
        name: "KEPT".to_owned(),
        subjects: vec!["kept.>".to_owned()],
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    context.publish("kept.one", "body".into()).await.unwrap().await.unwrap();
    broker.kill();
    broker.restart().await;
    assert_eq!(broker.url(), url);
    let stream = connect(&broker).await.get_stream("KEPT").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 1);
}

#[tokio::test]
async fn a_cluster_goes_on_without_one_of_its_nodes() {
    let mut nodes = Nodes::start().await;
    let urls: Vec<async_nats::ServerAddr> =
        nodes.config().urls.0.iter().map(|url| url.parse().unwrap()).collect();
    let context = jetstream::new(async_nats::connect(urls).await.unwrap());
    let config = stream::Config {
        name: "KEPT".to_owned(),
        subjects: vec!["kept.>".to_owned()],
        num_replicas: nodes.config().replicas,
        ..stream::Config::default()
    };
    eventually("the stream is made", LIMIT * 2, async || context.create_stream(config.clone()).await.ok())
        .await;
    let publish = async || context.publish("kept.one", "body".into()).await.ok()?.await.ok();
    eventually("it takes messages", LIMIT, publish).await;
    let leader = async || context.get_stream("KEPT").await.ok()?.cached_info().cluster.clone()?.leader;
    let first = eventually("it has a leader", LIMIT, leader).await;
    nodes.kill(&first);
    eventually("it takes messages without it", LIMIT * 2, publish).await;
    nodes.restart(&first).await;
    let followers = async || {
        let cluster = context.get_stream("KEPT").await.ok()?.cached_info().cluster.clone()?;
        cluster.replicas.iter().all(|replica| replica.current && !replica.offline).then_some(())
    };
    eventually("all have caught up", LIMIT * 2, followers).await;
}

#[tokio::test]
async fn a_paused_broker_answers_again_when_resumed() {
    let broker = Broker::start().await;
    let context = connect(&broker).await;
    broker.pause();
    let silence = tokio::time::timeout(Duration::from_millis(300), context.query_account()).await;
    assert!(silence.is_err());
    broker.resume();
    tokio::time::timeout(LIMIT, context.query_account()).await.unwrap().unwrap();
}

#[tokio::test]
async fn two_databases_do_not_see_each_other() {
    let (one, other) = tokio::join!(Database::create(), Database::create());
    assert_ne!(one.url(), other.url());
    sqlx::raw_sql("create table only_here ()").execute(one.pool()).await.unwrap();
    assert!(sqlx::raw_sql("select from only_here").execute(one.pool()).await.is_ok());
    assert!(sqlx::raw_sql("select from only_here").execute(other.pool()).await.is_err());
    assert!(store::is_migrated(other.pool()).await);
}

#[tokio::test]
async fn a_database_server_keeps_what_was_committed_when_stopped() {
    let mut server = PostgresServer::start().await;
    let url = server.url();
    sqlx::raw_sql("create table kept ()").execute(server.pool()).await.unwrap();
    server.stop();
    assert!(!store::is_connected(server.pool()).await);
    server.restart().await;
    assert_eq!(server.url(), url);
    eventually("the pool connects again", LIMIT, async || {
        sqlx::raw_sql("select from kept").execute(server.pool()).await.ok()
    })
    .await;
}

/// A static is not dropped and a killed process drops nothing: the server and its folder must go all the same.
#[tokio::test]
async fn the_shared_server_goes_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "a_process_with_a_database"])
        .env("TMPDIR", reachable(folder.path()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ready = folder.path().join("ready");
    let url = eventually("the other process has a database", LIMIT * 2, async || {
        fs::read_to_string(&ready).ok().filter(|url| url.ends_with('\n'))
    })
    .await;
    let address = url.trim().split(['@', '/']).nth(3).unwrap().to_owned();
    assert!(TcpStream::connect(&address).await.is_ok());
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the server is gone", LIMIT, async || TcpStream::connect(&address).await.err()).await;
    eventually("its folder is gone", LIMIT, async || {
        let left = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        let is_server = |name: &str| name.starts_with("weir-postgres-");
        (!left.into_iter().any(|entry| is_server(&entry.file_name().to_string_lossy()))).then_some(())
    })
    .await;
}

/// Like the system's own folder for temporary files: anybody may go in and create.
fn reachable(folder: &Path) -> &Path {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).unwrap();
    folder
}

#[tokio::test]
#[ignore = "the process that the_shared_server_goes_with_its_process kills"]
async fn a_process_with_a_database() {
    let database = Database::create().await;
    let ready = PathBuf::from(std::env::var_os("TMPDIR").unwrap()).join("ready");
    fs::write(ready, format!("{}\n", database.url())).unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test]
async fn the_receiver_keeps_a_span_from_each_protocol() {
    let receiver = OtlpReceiver::start().await;
    let mut grpc = TraceServiceClient::connect(receiver.endpoint_grpc()).await.unwrap();
    grpc.export(request("by grpc")).await.unwrap();

    let body = request("by http").encode_to_vec();
    let address = receiver.endpoint_http().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    for name in ["by grpc", "by http"] {
        let span = receiver.wait_for(name, |span| span.name == name).await;
        assert_eq!(span.trace_id, "ab".repeat(16));
        assert_eq!(span.parent_span_id, None);
    }
    assert_eq!(receiver.spans().len(), 2);
}

fn request(name: &str) -> ExportTraceServiceRequest {
    let span =
        Span { name: name.to_owned(), trace_id: vec![0xab; 16], span_id: vec![0xcd; 8], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}
