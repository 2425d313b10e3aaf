//! A whole Weir on three brokers.

use bus::{Bus, Topology};
use sqlx::{Executor as _, PgPool};
use tempfile::TempDir;
use testkit::{Nodes, eventually};

use crate::{DEADLINE, Process, SECRET};

/// Everything that runs; what needs a broker is given the addresses of all three.
#[derive(Debug)]
pub struct Cluster {
    /// The brokers.
    pub nodes: Nodes,
    /// The edge.
    pub edge: Process,
    /// The test's own connection.
    pub bus: Bus,
    /// Connections to the database.
    pub pool: PgPool,
    edge_url: String,
    environment: Vec<(String, String)>,
    folder: TempDir,
    _database: testkit::Database,
}

impl Cluster {
    /// Starts brokers, database and edge; streams are made of the shipped topology, changed by `change`. `prepare` is
    /// run in the database.
    pub async fn start(change: impl FnOnce(&mut Topology), prepare: &'static str) -> Self {
        // reqwest wants one although nothing here is encrypted; another test of the process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (nodes, database) = (Nodes::start().await, testkit::Database::create().await);
        let (config, pool) = (nodes.config(), database.pool().clone());
        pool.execute(prepare).await.expect("the database takes it");
        let bus = bus::connect(&config, "e2e").await.expect("a broker can be reached");
        let mut topology = Topology::embedded();
        change(&mut topology);
        eventually("the streams are made", DEADLINE, async || {
            topology.apply(&bus, config.replicas).await.ok()
        })
        .await;
        let environment = [
            ("WEIR_NATS__URLS", config.urls.0.join(",")),
            ("WEIR_NATS__REPLICAS", config.replicas.to_string()),
            ("WEIR_NATS__CONNECT_TIMEOUT_MS", DEADLINE.as_millis().to_string()),
            ("WEIR_POSTGRES__URL", database.url().to_owned()),
            ("WEIR_LOG__FORMAT", "json".to_owned()),
            ("WEIR_EDGE__LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET.to_owned()),
            ("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_C2S__LEADS__ATTEMPTS_MAX", "2".to_owned()),
            ("WEIR_C2S__LEADS__RETRY_BASE_MS", "50".to_owned()),
            ("WEIR_DEAD_LETTERS__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_DEAD_LETTERS__AUDIT__INTERVAL_MS", "500".to_owned()),
            ("WEIR_DEAD_LETTERS__AUDIT__GRACE_MS", "5000".to_owned()),
        ];
        let environment: Vec<_> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let folder = TempDir::new().expect("there is room for logs");
        let mut edge = Process::start("weir-edge", folder.path(), &environment);
        let edge_url = format!("http://{}", edge.address().await);
        Self { nodes, edge, bus, pool, edge_url, environment, folder, _database: database }
    }

    /// One more program, which is started again while it finds no leader to ask, as an orchestrator does.
    pub async fn program(&self, name: &'static str) -> Process {
        let start = || Process::start(name, self.folder.path(), &self.environment);
        let mut program = start();
        eventually("it answers", DEADLINE, async || {
            if program.has_ended() {
                program = start();
            }
            program.is_answering().then_some(())
        })
        .await;
        program
    }

    /// Where the edge takes webhooks of Contact2Sale.
    pub fn c2s_url(&self) -> String {
        format!("{}/api/v1/webhooks/c2s", self.edge_url)
    }

    /// The node that leads a stream.
    pub async fn stream_leader(&self, stream: &str) -> String {
        eventually("the stream has a leader", DEADLINE, async || {
            let stream = self.bus.jetstream().get_stream(stream).await.ok()?;
            stream.cached_info().cluster.clone()?.leader
        })
        .await
    }

    /// The node that leads a consumer.
    pub async fn consumer_leader(&self, stream: &str, consumer: &str) -> String {
        eventually("the consumer has a leader", DEADLINE, async || {
            let stream = self.bus.jetstream().get_stream_no_info(stream).await.ok()?;
            stream.consumer_info(consumer).await.ok()?.cluster?.leader
        })
        .await
    }

    /// Runs the operator's command.
    pub async fn weir(&self, arguments: &[&str]) -> std::process::Output {
        tokio::process::Command::new(crate::binary("weir"))
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the command can be run")
    }
}
