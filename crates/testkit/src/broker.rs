//! A private nats-server.

use std::path::PathBuf;

use config::{List, Settings};
use servers::{Life, Nats, NatsOptions, NatsServer, Tools};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// A nats-server of one test, with the settings of `infra/nats/nats-server.conf`: what it acknowledged is on disk.
///
/// A broker that was killed and restarted has its port and its data: `a_broker_keeps_its_data_when_killed`.
#[derive(Debug)]
pub struct Broker {
    nats: Nats,
    server: NatsServer,
    options: NatsOptions,
    url: String,
    // Last, so that the server is gone before its folder.
    _folder: TempDir,
}

impl Broker {
    /// Starts one with an empty store.
    pub async fn start() -> Self {
        let server = Tools::of_repository().nats_server().unwrap_or_else(|error| panic!("{error:#}"));
        let folder = tempfile::Builder::new().prefix("weir-nats-").tempdir().expect("a folder");
        let options = NatsOptions {
            directory: folder.path().to_path_buf(),
            log: folder.path().join("server.log"),
            port: None,
            life: Life::Ephemeral,
        };
        let nats = launch(server.clone(), options.clone()).await;
        let url = nats.url();
        let options = NatsOptions { port: Some(nats.port()), ..options };
        Self { nats, server, options, url, _folder: folder }
    }

    /// `nats://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Default settings with this broker's address.
    pub fn config(&self) -> config::Nats {
        config::Nats { urls: List(vec![self.url.clone()]), ..Settings::for_tests().nats }
    }

    /// The file that the server logs to.
    pub fn log(&self) -> PathBuf {
        self.options.log.clone()
    }

    /// Ends it at once, as a crash does (SIGKILL).
    pub fn kill(&mut self) {
        self.nats.process().kill();
    }

    /// Stops it in good order (SIGTERM).
    pub fn stop(&mut self) {
        self.nats.process().stop();
    }

    /// Freezes it: connections stay open and nobody answers (SIGSTOP).
    pub fn pause(&self) {
        self.nats.pause();
    }

    /// Ends a [`Broker::pause`].
    pub fn resume(&self) {
        self.nats.resume();
    }

    /// Starts it again with the same port and store, after a kill if it still runs.
    pub async fn restart(&mut self) {
        self.kill();
        self.nats = launch(self.server.clone(), self.options.clone()).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Its store is thrown away, so there is nothing to wait for.
        self.kill();
    }
}

async fn launch(server: NatsServer, options: NatsOptions) -> Nats {
    spawn_blocking(move || Nats::start(&server, &options))
        .await
        .expect("starting a server does not panic")
        .unwrap_or_else(|error| panic!("{error:#}"))
}
