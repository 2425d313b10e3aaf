//! Every program and both servers, each of which can be killed and comes back.

use std::{path::PathBuf, time::Duration};

use bus::{Bus, Topology};
use sqlx::{Executor as _, PgPool};
use tempfile::TempDir;
use testkit::{Broker, PostgresServer};
use tokio::time::{Instant, sleep};

use super::{
    event::TRIGGERS,
    fault::{Fault, LEADS},
    traffic::APP_SECRET,
};
use crate::{DEADLINE, Process, SECRET};

/// Consumers that run here.
const CONSUMERS: [&str; 3] = ["c2s-leads", "instagram-handler", "dead-letters"];
/// How long everything may take to come to rest.
const SETTLE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(100);

/// Everything that runs.
pub(crate) struct Cluster {
    broker: Broker,
    database: PostgresServer,
    edge: Process,
    leads: Vec<Process>,
    instagram: Process,
    recorder: Process,
    bus: Bus,
    pool: PgPool,
    edge_port: u16,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let broker = Broker::start().await;
        let database = PostgresServer::start().await;
        let pool = database.pool().clone();
        pool.execute(TRIGGERS).await.expect("the triggers can be made");
        let bus = bus::connect(&broker.config(), "chaos").await.expect("the broker can be reached");
        topology().apply(&bus, 1).await.expect("the streams can be made");
        let edge_port = servers::free_port().expect("loopback has a free port");
        let environment = environment(&broker, &database, edge_port);
        let folder = TempDir::new().expect("there is room for logs");
        let start = |name| Process::start(name, folder.path(), &environment);
        let mut cluster = Self {
            edge: start("weir-edge"),
            leads: (0..LEADS).map(|_| start("weir-c2s")).collect(),
            instagram: start("weir-instagram"),
            recorder: start("weir-dead-letters"),
            broker,
            database,
            bus,
            pool,
            edge_port,
            environment,
            folder,
        };
        for process in cluster.processes() {
            process.address().await;
        }
        cluster
    }

    pub(crate) fn edge_port(&self) -> u16 {
        self.edge_port
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The environment of the operator's command.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Where it runs.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Kills, waits, starts again.
    pub(crate) async fn strike(&mut self, fault: Fault, downtime: Duration) {
        match fault {
            Fault::EdgeKilled => self.edge.kill().await,
            Fault::EdgeStopped => self.edge.terminate(),
            Fault::LeadsKilled(replica) => self.leads(replica).kill().await,
            Fault::LeadsStopped(replica) => self.leads(replica).terminate(),
            Fault::InstagramKilled => self.instagram.kill().await,
            Fault::RecorderKilled => self.recorder.kill().await,
            Fault::BrokerKilled => self.broker.kill(),
            Fault::BrokerFrozen => self.broker.pause(),
            Fault::DatabaseKilled => self.database.kill(),
            Fault::ConsumersKilled => {
                for process in &mut self.leads {
                    process.kill().await;
                }
                self.instagram.kill().await;
                self.recorder.kill().await;
            }
            Fault::ServersKilled => {
                self.broker.kill();
                self.database.kill();
            }
        }
        sleep(downtime).await;
        match fault {
            Fault::BrokerKilled => self.broker.restart().await,
            Fault::BrokerFrozen => self.broker.resume(),
            Fault::DatabaseKilled => self.database.restart().await,
            Fault::ServersKilled => {
                self.database.restart().await;
                self.broker.restart().await;
            }
            // The orchestrator's part.
            _ => self.revive(),
        }
    }

    fn leads(&mut self, replica: usize) -> &mut Process {
        self.leads.get_mut(replica).expect("a replica that is picked exists")
    }

    /// Starts whatever has ended, as an orchestrator does.
    fn revive(&mut self) {
        let (folder, environment) = (self.folder.path().to_path_buf(), self.environment.clone());
        for process in self.processes() {
            if process.has_ended() {
                *process = Process::start(process.name(), &folder, &environment);
            }
        }
    }

    /// Lets everything come to rest; whether it did.
    pub(crate) async fn settle(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE;
        let mut open = String::new();
        while Instant::now() < deadline {
            self.revive();
            match self.unsettled().await {
                None => return Ok(()),
                Some(what) => open = what,
            }
            sleep(POLL).await;
        }
        Err(format!("not at rest within {SETTLE:?}: {open}"))
    }

    /// What is not at rest yet.
    async fn unsettled(&self) -> Option<String> {
        let topology = topology();
        for name in CONSUMERS {
            let state = match topology.consumer_state(&self.bus, name).await {
                Ok(Some(state)) => state,
                Ok(None) => return Some(format!("{name} does not exist")),
                Err(error) => return Some(format!("{name}: {error:#}")),
            };
            if state.lag + state.in_flight > 0 {
                return Some(format!("{name} has {} waiting and {} in flight", state.lag, state.in_flight));
            }
        }
        None
    }

    /// Streams that lack messages between their first and last: nothing here deletes any.
    pub(crate) async fn gaps(&self) -> Vec<String> {
        let topology = topology();
        let mut gaps = Vec::new();
        for stream in ["C2S", "INSTAGRAM"] {
            match topology.stream_state(&self.bus, stream).await {
                Ok(Some(state)) if state.messages == state.last_sequence + 1 - state.first_sequence => {}
                found => gaps.push(format!("stream {stream} has gaps: {found:?}")),
            }
        }
        gaps
    }

    fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        [&mut self.edge, &mut self.instagram, &mut self.recorder].into_iter().chain(&mut self.leads)
    }

    /// Ends it; where something is `broken`, the logs stay and this is where.
    pub(crate) fn end(self, broken: bool) -> Option<PathBuf> {
        broken.then(|| self.folder.keep())
    }
}

/// The shipped one, with waits that suit a short run.
fn topology() -> Topology {
    let mut topology = Topology::embedded();
    for consumer in topology.consumers.values_mut() {
        consumer.ack_wait_seconds = 2;
    }
    topology
}

fn environment(broker: &Broker, database: &PostgresServer, edge_port: u16) -> Vec<(String, String)> {
    let seconds = DEADLINE.as_millis().to_string();
    let edge = format!("127.0.0.1:{edge_port}");
    let pairs = [
        ("WEIR_NATS__URLS", broker.url()),
        ("WEIR_NATS__CONNECT_TIMEOUT_MS", &seconds),
        ("WEIR_POSTGRES__URL", &database.url()),
        ("WEIR_LOG__FORMAT", "json"),
        ("WEIR_EDGE__LISTEN", &edge),
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", "true"),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS", APP_SECRET),
        ("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0"),
        ("WEIR_C2S__LEADS__RETRY_BASE_MS", "50"),
        ("WEIR_C2S__LEADS__RETRY_MAX_MS", "400"),
        ("WEIR_INSTAGRAM__PROBE_LISTEN", "127.0.0.1:0"),
        ("WEIR_INSTAGRAM__HANDLER__RETRY_BASE_MS", "50"),
        ("WEIR_INSTAGRAM__HANDLER__RETRY_MAX_MS", "400"),
        ("WEIR_DEAD_LETTERS__PROBE_LISTEN", "127.0.0.1:0"),
        ("WEIR_DEAD_LETTERS__AUDIT__INTERVAL_MS", "1000"),
        ("WEIR_DEAD_LETTERS__AUDIT__GRACE_MS", "2000"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
