//! `weir doctor`: what is right is said to be, and what is lax is found.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use servers::{Life, Nats, NatsOptions, Tools};
use testkit::{Database, eventually};

use crate::weir;

/// A nats-server with a configuration of the test's own; testkit's broker has the shipped one.
struct Server(Child);

impl Server {
    /// Starts it on free ports, and waits until it has written which.
    async fn start(folder: &Path, configuration: &str) -> (Self, String, String) {
        let config = folder.join("nats.conf");
        std::fs::write(&config, configuration).unwrap();
        let program = Tools::of_repository().nats_server().unwrap();
        let child = Command::new(&program.binary)
            .args(["-c".as_ref(), config.as_os_str(), "--ports_file_dir".as_ref(), folder.as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let ports = eventually("the server wrote its ports", Duration::from_secs(20), async || {
            let file = std::fs::read_dir(folder)
                .ok()?
                .flatten()
                .find(|file| file.path().extension().is_some_and(|ext| ext == "ports"))?;
            serde_json::from_slice::<Value>(&std::fs::read(file.path()).ok()?).ok()
        })
        .await;
        let of = |kind: &str| ports[kind][0].as_str().unwrap().to_owned();
        (server, of("nats"), of("monitoring"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The findings of an area with this severity, their text and advice.
fn findings(document: &Value, area: &str, severity: &str) -> String {
    let findings = document["findings"].as_array().unwrap().iter();
    let matching = findings.filter(|finding| finding["area"] == area && finding["severity"] == severity);
    let lines = matching.map(|finding| format!("{} → {}", finding["text"], finding["advice"]));
    lines.collect::<Vec<_>>().join(
        "
",
    )
}

#[tokio::test]
async fn a_lax_and_bare_server_is_reported_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let lax = format!(
        "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\njetstream {{ store_dir: {:?} }}",
        store.display().to_string()
    );
    let (_server, nats, monitoring) = Server::start(folder.path(), &lax).await;
    let database = Database::create().await;
    sqlx::raw_sql("drop schema public cascade; create schema public").execute(database.pool()).await.unwrap();

    let variables = [
        ("NATS_URL", nats.as_str()),
        ("DATABASE_URL", database.url()),
        ("WEIR_EDGE_URL", "http://127.0.0.1:9"),
    ];
    let run = weir(&variables, &["doctor", "--json", "--monitoring", &monitoring]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    let document: Value = serde_json::from_str(&run.stdout()).unwrap();
    let broker = findings(&document, "broker", "error");
    assert!(broker.contains("sync_interval is 120 s"), "{broker}");
    assert!(broker.contains("infra/nats/nats-server.conf"), "{broker}");
    assert!(broker.contains("stream C2S does not exist: run `weir provision`"), "{broker}");
    let database = findings(&document, "database", "error");
    assert!(database.contains("run `weir migrate`"), "{database}");
    let edge = findings(&document, "edge", "warning");
    assert!(edge.contains("no answer from http://127.0.0.1:9/health"), "{edge}");

    let unseen = weir(&variables, &["doctor", "--json", "--monitoring", "http://127.0.0.1:9"]);
    let document: Value = serde_json::from_str(&unseen.stdout()).unwrap();
    let broker = findings(&document, "broker", "warning");
    assert!(broker.contains("could not be seen") && broker.contains("sync_interval: always"), "{broker}");
}

#[tokio::test]
async fn a_prepared_system_has_no_errors_and_a_drifted_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = NatsOptions {
        directory: folder.path().to_path_buf(),
        log: folder.path().join("server.log"),
        port: None,
        life: Life::WithParent,
    };
    let server = Nats::start(&Tools::of_repository().nats_server().unwrap(), &options).unwrap();
    let (url, monitoring) = (server.url(), server.monitor_url());
    let database = Database::create().await;
    let variables = [
        ("NATS_URL", url.as_str()),
        ("WEIR_NATS__MONITORING_URL", monitoring.as_str()),
        ("DATABASE_URL", database.url()),
        ("WEIR_EDGE_URL", "http://127.0.0.1:9"),
    ];
    assert_eq!(weir(&variables, &["provision"]).code(), 0);
    let run = weir(&variables, &["doctor", "--json"]);
    assert_eq!(run.code(), 4, "only the edge is away, a warning: {}", run.stdout());
    let document: Value = serde_json::from_str(&run.stdout()).unwrap();
    let good = findings(&document, "broker", "ok");
    for text in [
        "sync_interval is always",
        "stream C2S and its consumers keep",
        "clock agrees",
        "consumer c2s-leads: 0 waiting",
    ] {
        assert!(good.contains(text), "{text}: {good}");
    }
    let good = findings(&document, "database", "ok");
    for text in ["PostgreSQL 1", "all migrations are applied", "clock agrees", "webhook_events"] {
        assert!(good.contains(text), "{text}: {good}");
    }

    let client = async_nats::connect(&url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut config = jetstream.get_stream("C2S").await.unwrap().cached_info().config.clone();
    config.max_bytes = 1_000_000;
    config.discard = async_nats::jetstream::stream::DiscardPolicy::Old;
    jetstream.update_stream(config).await.unwrap();
    let run = weir(&variables, &["doctor"]);
    assert_eq!(run.code(), 1);
    assert!(run.stdout().contains("stream C2S differs from the topology"), "{}", run.stdout());
    assert!(run.stdout().contains("discard new (a full stream must refuse)"), "{}", run.stdout());
}
