//! A private cluster of three nats-servers.

use config::{List, Settings};
use servers::{Life, Nats, NatsOptions, NatsServer, Tools};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// How many there are.
const NODES: usize = 3;

/// Three nats-servers that keep what they acknowledge on two of three disks, with the settings of
/// `infra/nats/nats-server.conf`.
///
/// Each can be killed, and comes back with its port and its data: `a_cluster_goes_on_without_one_of_its_nodes`.
#[derive(Debug)]
pub struct Nodes {
    members: Vec<Node>,
    server: NatsServer,
    // Last, so that the servers are gone before their folder.
    _folder: TempDir,
}

#[derive(Debug)]
struct Node {
    nats: Nats,
    options: NatsOptions,
    /// Its part of the configuration.
    joining: String,
}

impl Nodes {
    /// Starts them with empty stores. They need a moment to choose a leader: what is asked before is refused.
    pub async fn start() -> Self {
        let server = Tools::of_repository().nats_server().unwrap_or_else(|error| panic!("{error:#}"));
        let folder = tempfile::Builder::new().prefix("weir-nodes-").tempdir().expect("a folder");
        let ports: Vec<_> = (0..NODES).map(|_| servers::free_port().expect("a free port")).collect();
        let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut members = Vec::with_capacity(NODES);
        for (number, port) in ports.iter().enumerate() {
            let joining = format!(
                "\nserver_name: {}\ncluster {{ name: weir, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                name(number),
                routes.join(", ")
            );
            let options = NatsOptions {
                directory: folder.path().join(name(number)),
                log: folder.path().join(format!("{}.log", name(number))),
                port: None,
                life: Life::Ephemeral,
            };
            let nats = launch(server.clone(), options.clone(), joining.clone()).await;
            let options = NatsOptions { port: Some(nats.port()), ..options };
            members.push(Node { nats, options, joining });
        }
        Self { members, server, _folder: folder }
    }

    /// Default settings with the addresses of all.
    pub fn config(&self) -> config::Nats {
        let urls = self.members.iter().map(|node| node.nats.url()).collect();
        config::Nats { urls: List(urls), replicas: NODES, ..Settings::for_tests().nats }
    }

    /// Ends the one of this name (`n0` to `n2`) at once, as a crash does (SIGKILL).
    pub fn kill(&mut self, name: &str) {
        self.node(name).nats.process().kill();
    }

    /// Starts it again with the same port and store.
    pub async fn restart(&mut self, name: &str) {
        let server = self.server.clone();
        let node = self.node(name);
        node.nats.process().kill();
        node.nats = launch(server, node.options.clone(), node.joining.clone()).await;
    }

    fn node(&mut self, wanted: &str) -> &mut Node {
        let mut numbered = self.members.iter_mut().enumerate();
        let found = numbered.find(|(number, _)| name(*number) == wanted);
        found.map_or_else(|| panic!("no node is called {wanted}"), |(_, node)| node)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // Their stores are thrown away, so there is nothing to wait for.
        for node in &mut self.members {
            node.nats.process().kill();
        }
    }
}

fn name(number: usize) -> String {
    format!("n{number}")
}

async fn launch(server: NatsServer, options: NatsOptions, joining: String) -> Nats {
    spawn_blocking(move || Nats::start_with(&server, &options, |shipped| format!("{shipped}{joining}")))
        .await
        .expect("starting a server does not panic")
        .unwrap_or_else(|error| panic!("{error:#}"))
}
