//! A whole Weir: broker, database, edge and consumer, each of which can be hurt.

use std::{path::Path, time::Duration};

use bus::{Bus, Topology};
use futures::TryStreamExt as _;
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{Broker, PostgresServer, eventually};

use crate::{DEADLINE, Process};

/// The token that the edge accepts.
pub const SECRET: &str = "e2e-secret-0123456789abcdef";

/// How a system differs from the default.
#[derive(Debug, Default)]
pub struct Options {
    /// A database server of its own, which a test may stop.
    pub own_postgres: bool,
    /// More environment for the edge.
    pub edge: Vec<(&'static str, String)>,
    /// More environment for both programs.
    pub both: Vec<(&'static str, String)>,
    /// Changes the streams and consumers before they are made.
    pub topology: Option<fn(&mut Topology)>,
}

/// Where the rows go.
#[derive(Debug)]
pub enum Database {
    /// On the server that the test process shares.
    Shared(testkit::Database),
    /// On a server of its own.
    Own(Box<PostgresServer>),
}

/// Everything that runs.
#[derive(Debug)]
pub struct System {
    /// The edge.
    pub edge: Process,
    /// The consumer.
    pub c2s: Process,
    /// The broker.
    pub broker: Broker,
    /// The database.
    pub database: Database,
    bus: Bus,
    pool: PgPool,
    edge_url: String,
    http: reqwest::Client,
    environment: Vec<(String, String)>,
    edge_environment: Vec<(String, String)>,
    folder: TempDir,
}

impl System {
    /// Starts everything, and waits until the edge is ready.
    pub async fn start(options: Options) -> Self {
        let broker = Broker::start().await;
        let database = if options.own_postgres {
            Database::Own(Box::new(PostgresServer::start().await))
        } else {
            Database::Shared(testkit::Database::create().await)
        };
        let url = database.url();
        let pool = store::connect(&config::Postgres {
            url: Some(url.as_str().into()),
            ..config::Settings::for_tests().postgres
        })
        .await
        .expect("the database can be reached");
        store::migrate(&pool).await.expect("the migrations apply");
        let bus = bus::connect(&broker.config(), "e2e").await.expect("the broker can be reached");
        let mut topology = Topology::embedded();
        options.topology.unwrap_or(|_| ())(&mut topology);
        topology.apply(&bus, 1).await.expect("the streams can be made");

        let folder = TempDir::new().expect("there is room for logs");
        let mut environment = pairs(&[
            ("WEIR_NATS__URLS", broker.url().to_owned()),
            ("WEIR_POSTGRES__URL", url),
            ("WEIR_LOG__FORMAT", "json".to_owned()),
            ("WEIR_EDGE__LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_INSTAGRAM__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_BRIGHTDATA__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
            ("WEIR_DEAD_LETTERS__PROBE_LISTEN", "127.0.0.1:0".to_owned()),
        ]);
        environment.extend(pairs(&options.both));
        let mut edge_environment = environment.clone();
        edge_environment.push(("WEIR_EDGE__PROVIDERS__C2S__SECRETS".to_owned(), SECRET.to_owned()));
        edge_environment.extend(pairs(&options.edge));
        let mut edge = Process::start("weir-edge", folder.path(), &edge_environment);
        let c2s = Process::start("weir-c2s", folder.path(), &environment);
        let edge_url = format!("http://{}", edge.address().await);
        // reqwest wants one although nothing here is encrypted; another test of the process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client needs nothing");
        let system = Self {
            edge,
            c2s,
            broker,
            database,
            bus,
            pool,
            edge_url,
            http,
            environment,
            edge_environment,
            folder,
        };
        system.until_ready().await;
        system
    }

    /// Base URL of the edge.
    pub fn edge_url(&self) -> &str {
        &self.edge_url
    }

    /// A client for it.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Connections to the database.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The test's own connection to the broker.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Folder of the logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The environment that the consumer runs in, with `changes`.
    pub fn environment(&self, changes: &[(&'static str, String)]) -> Vec<(String, String)> {
        self.environment.iter().cloned().chain(pairs(changes)).collect()
    }

    /// One more consumer process, or a successor.
    pub fn start_c2s(&self, changes: &[(&'static str, String)]) -> Process {
        Process::start("weir-c2s", self.folder.path(), &self.environment(changes))
    }

    /// One more program (`weir-instagram`, `weir-dead-letters`), or a successor; it answers already.
    pub async fn start_program(&self, name: &'static str) -> Process {
        let mut program = Process::start(name, self.folder.path(), &self.environment);
        program.address().await;
        program
    }

    /// Starts the edge again, elsewhere, and waits until it is ready.
    pub async fn restart_edge(&mut self) {
        self.edge = Process::start("weir-edge", self.folder.path(), &self.edge_environment);
        self.edge_url = format!("http://{}", self.edge.address().await);
        self.until_ready().await;
    }

    /// Waits until the edge says that it is ready.
    pub async fn until_ready(&self) {
        eventually("the edge is ready", DEADLINE, async || {
            let answer = self.http.get(format!("{}/readyz", self.edge_url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// How many messages a stream holds on this subject.
    pub async fn on_subject(&self, stream: &str, subject: &str) -> u64 {
        let stream = self.bus.jetstream().get_stream(stream).await.expect("the stream is there");
        let subjects = stream.info_with_subjects(subject).await.expect("the broker answers");
        let counts: Vec<_> = subjects.try_collect().await.expect("the broker answers");
        counts.into_iter().map(|(_, count)| count as u64).sum()
    }

    /// How many rows `sql` counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("the query counts")
    }

    /// Waits until `sql` counts `wanted` rows.
    pub async fn until_count(&self, sql: &'static str, wanted: i64) {
        eventually(&format!("{wanted} rows of: {sql}"), DEADLINE, async || {
            let found: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await.ok()?;
            (found == wanted).then_some(())
        })
        .await;
    }

    /// Waits until the consumer has nothing pending and nothing in hand.
    pub async fn until_settled(&self) {
        self.until_consumed("C2S", "c2s-leads").await;
    }

    /// The same of this consumer.
    pub async fn until_consumed(&self, stream: &str, consumer: &str) {
        type Pull = async_nats::jetstream::consumer::pull::Config;
        eventually("every event is settled", DEADLINE, async || {
            let consumer =
                self.bus.jetstream().get_consumer_from_stream::<Pull, _, _>(consumer, stream).await.ok()?;
            let info = consumer.cached_info();
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }
}

/// How many messages a stream holds; 0 while it cannot be asked.
pub async fn messages(bus: &Bus, stream: &str) -> u64 {
    bus.jetstream().get_stream(stream).await.map_or(0, |stream| stream.cached_info().state.messages)
}

impl Database {
    /// How to connect.
    pub fn url(&self) -> String {
        match self {
            Self::Shared(database) => database.url().to_owned(),
            Self::Own(server) => server.url(),
        }
    }

    /// The server that a test may stop.
    ///
    /// # Panics
    /// The database is on the shared server.
    pub fn own(&mut self) -> &mut PostgresServer {
        match self {
            Self::Own(server) => server,
            Self::Shared(_) => panic!("start the system with `own_postgres`"),
        }
    }
}

fn pairs(environment: &[(&'static str, String)]) -> Vec<(String, String)> {
    environment.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}
