//! The servers under Weir, fresh for every case.

use std::path::Path;

use anyhow::Context as _;
use bus::{Bus, Topology};
use servers::{
    Durability, Life, Nats, NatsOptions, NatsServer, Postgres, PostgresBin, PostgresOptions, Tools,
};
use sqlx::PgPool;
use tempfile::TempDir;

/// What acknowledged means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fsync {
    /// In the kernel's memory; flushed every two minutes. Not what Weir ships.
    Lazy,
    /// On the disk.
    Always,
    /// On the disks of two of three servers (which share this machine, and its disk).
    ThreeNodes,
}

impl Fsync {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Always => "always",
            Self::ThreeNodes => "3 nodes, always",
        }
    }
}

/// The programs of this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    nats: NatsServer,
    postgres: PostgresBin,
    pub(crate) nats_version: String,
    pub(crate) postgres_version: String,
    logs: TempDir,
}

/// A broker of one case, with the streams of Weir.
#[derive(Debug)]
pub(crate) struct Broker {
    servers: Vec<Nats>,
    pub(crate) bus: Bus,
    pub(crate) config: config::Nats,
    _folder: TempDir,
}

/// A database of one case, migrated.
#[derive(Debug)]
pub(crate) struct Database {
    server: Postgres,
    pub(crate) url: String,
    pub(crate) pool: PgPool,
    _folder: TempDir,
}

impl Machine {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let tools = Tools::of_repository();
        let (nats, postgres) = (tools.nats_server()?, tools.postgres()?);
        let (nats_version, postgres_version) = (nats.version.to_string(), postgres.version.to_string());
        Ok(Self { nats, postgres, nats_version, postgres_version, logs: scratch("logs")? })
    }

    /// Folder of the programs' logs.
    pub(crate) fn logs(&self) -> &Path {
        self.logs.path()
    }

    pub(crate) async fn broker(&self, fsync: Fsync) -> anyhow::Result<Broker> {
        let folder = scratch("nats")?;
        let servers = match fsync {
            Fsync::ThreeNodes => self.cluster(folder.path())?,
            Fsync::Always => vec![self.node(folder.path(), 0, None, str::to_owned)?],
            Fsync::Lazy => {
                let lazy = |text: &str| text.replace("sync_interval: always", "sync_interval: \"2m\"");
                vec![self.node(folder.path(), 0, None, lazy)?]
            }
        };
        let mut config = config::Settings::for_tests().nats;
        config.urls = config::List(servers.iter().map(Nats::url).collect());
        config.replicas = servers.len();
        let bus = bus::connect(&config, "bench").await?;
        let mut topology = Topology::embedded();
        for stream in topology.streams.values_mut() {
            // Room for what a fast run leaves behind.
            stream.max_bytes = 4 << 30;
        }
        // The cluster needs a moment to choose its leader.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while let Err(error) = topology.apply(&bus, config.replicas).await {
            if std::time::Instant::now() > deadline {
                return Err(error.context("the streams cannot be made"));
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        Ok(Broker { servers, bus, config, _folder: folder })
    }

    fn node(
        &self,
        folder: &Path,
        number: usize,
        port: Option<u16>,
        edit: impl Fn(&str) -> String,
    ) -> anyhow::Result<Nats> {
        let options = NatsOptions {
            directory: folder.join(number.to_string()),
            log: folder.join(format!("{number}.log")),
            port,
            life: Life::WithParent,
        };
        Nats::start_with(&self.nats, &options, edit)
    }

    fn cluster(&self, folder: &Path) -> anyhow::Result<Vec<Nats>> {
        let ports: Vec<u16> = (0..3).map(|_| servers::free_port()).collect::<anyhow::Result<_>>()?;
        let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let node = |(number, port): (usize, &u16)| {
            let more = format!(
                "\nserver_name: n{number}\ncluster {{ name: weir, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                routes.join(", ")
            );
            self.node(folder, number, None, move |text| format!("{text}{more}"))
        };
        ports.iter().enumerate().map(node).collect()
    }

    pub(crate) async fn database(&self) -> anyhow::Result<Database> {
        let folder = scratch("postgres")?;
        let options = PostgresOptions {
            directory: folder.path().join("data"),
            log: folder.path().join("postgres.log"),
            port: None,
            durability: Durability::Durable,
            password: None,
            life: Life::WithParent,
        };
        // The moment of each commit is what the steady cases measure.
        let server = Postgres::start_with(&self.postgres, &options, &["track_commit_timestamp=on"])?;
        let url = server.url();
        let settings =
            config::Postgres { url: Some(url.as_str().into()), ..config::Settings::for_tests().postgres };
        let pool = store::connect(&settings).await?;
        store::migrate(&pool).await.context("the migrations do not apply")?;
        Ok(Database { server, url, pool, _folder: folder })
    }
}

impl Broker {
    /// Its processes.
    pub(crate) fn pids(&mut self) -> Vec<u32> {
        self.servers.iter_mut().map(|server| server.process().pid()).collect()
    }

    /// Where its servers are, as a setting has it.
    pub(crate) fn urls(&self) -> String {
        self.config.urls.0.join(",")
    }
}

impl Database {
    /// The postmaster and its backends.
    pub(crate) fn pids(&mut self) -> Vec<u32> {
        crate::process::family(self.server.process().pid())
    }
}

/// On the disk of the repository: a folder for temporary files may be in memory.
fn scratch(what: &str) -> anyhow::Result<TempDir> {
    let parent = servers::local_dir().join("bench");
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix(what).tempdir_in(parent)?)
}
