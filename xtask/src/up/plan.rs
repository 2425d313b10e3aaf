//! What is to be started, decided before anything is built or started.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, anyhow};

use super::Args;
use crate::{
    environment::Environment,
    local::{Kept, Local},
    services::{Port, SERVICES},
    settings::{self, SIMULATORS, Settings},
};

/// Our own answer, without `--edge-port` or a setting: not open to the network.
const EDGE_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

const EDGE_LISTEN_SETTING: &str = "WEIR_EDGE__LISTEN";

/// What is to be started.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) environment: Environment,
    pub(super) detach: bool,
    /// The broker of somebody else; `None`: a private one on `nats_port`.
    pub(super) nats_url: Option<String>,
    pub(super) nats_port: u16,
    /// The database of somebody else; `None`: a private one on `postgres_port`.
    pub(super) database_url: Option<String>,
    pub(super) postgres_port: u16,
    pub(super) postgres_password: String,
    /// What Weir's processes are told beside the addresses of broker and database.
    pub(super) settings: Settings,
    /// Where each simulator listens, by its flag.
    pub(super) simulators: Vec<(&'static str, SocketAddr)>,
    /// Where each service of the table listens.
    pub(super) listen: Vec<SocketAddr>,
}

impl Plan {
    pub(super) fn new(args: &Args, local: &Local) -> anyhow::Result<Self> {
        let environment = Environment::load(&servers::repository())?;
        let edge = edge_listen(args, &environment)?;
        require_free(edge)?;
        let mut kept = local.kept()?;
        // Looked at before the ports are renewed: whoever sourced the last `.weir/env` did not mean a broker of their own.
        let nats_url = environment.get("NATS_URL").or_else(|| environment.get("WEIR_NATS__URLS"));
        let nats_url = nats_url.filter(|url| !is_ours(url, &kept, "nats"));
        let database_url = environment.get("DATABASE_URL").or_else(|| environment.get("WEIR_POSTGRES__URL"));
        let database_url = database_url.filter(|url| !is_ours(url, &kept, "postgres"));
        let listen = SERVICES
            .iter()
            .map(|service| match service.port {
                Port::Edge => Ok(edge),
                Port::Free => Ok(loopback(kept.port(service.program)?)),
            })
            .collect::<anyhow::Result<_>>()?;
        let edge_url = format!("http://{}", super::ready::reachable(edge));
        let settings = settings::settings(&environment, &mut kept, &edge_url)?;
        let simulators = SIMULATORS
            .iter()
            .map(|(name, flag)| Ok((*flag, loopback(kept.port(&format!("simulated-{name}"))?))))
            .collect::<anyhow::Result<_>>()?;
        let plan = Self {
            detach: args.detach,
            nats_url,
            nats_port: kept.port("nats")?,
            database_url,
            postgres_port: kept.port("postgres")?,
            postgres_password: kept.postgres_password.clone(),
            settings,
            simulators,
            listen,
            environment,
        };
        local.keep(&kept)?;
        Ok(plan)
    }
}

fn edge_listen(args: &Args, environment: &Environment) -> anyhow::Result<SocketAddr> {
    let mut listen = match environment.get(EDGE_LISTEN_SETTING) {
        Some(text) => text.parse().with_context(|| {
            format!("{EDGE_LISTEN_SETTING} is `{text}`, and should be like 127.0.0.1:8000")
        })?,
        None => EDGE_LISTEN,
    };
    if let Some(port) = args.edge_port {
        listen.set_port(port);
    }
    Ok(listen)
}

fn require_free(edge: SocketAddr) -> anyhow::Result<()> {
    TcpListener::bind(edge).map(drop).map_err(|error| {
        anyhow!("the edge cannot have port {} ({error}): choose another one with --edge-port", edge.port())
    })
}

/// Whether this is the address of a private server of an earlier `up`.
fn is_ours(url: &str, kept: &Kept, server: &str) -> bool {
    kept.ports.get(server).is_some_and(|port| {
        let address = format!("127.0.0.1:{port}");
        url.strip_suffix("/weir").unwrap_or(url).ends_with(&address)
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_told_with_the_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = require_free(address).unwrap_err().to_string();
        assert!(error.contains(&format!("port {}", address.port())), "{error}");
        assert!(error.contains("--edge-port"), "{error}");
    }

    #[test]
    fn the_addresses_of_our_own_servers_are_not_somebody_elses() {
        let kept = Kept {
            ports: [("nats".to_owned(), 20_001), ("postgres".to_owned(), 20_002)].into(),
            ..Kept::default()
        };
        assert!(is_ours("nats://127.0.0.1:20001", &kept, "nats"));
        assert!(is_ours("postgres://weir:secret@127.0.0.1:20002/weir", &kept, "postgres"));
        assert!(!is_ours("nats://127.0.0.1:4222", &kept, "nats"));
        assert!(!is_ours("postgres://weir@db.example.com:20002/weir", &kept, "postgres"));
    }
}
