//! The folder `.weir`: everything that is of this machine alone. Git ignores it; removing it loses nothing but local data.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// The folder.
#[derive(Debug)]
pub(crate) struct Local {
    folder: PathBuf,
}

/// What is made up once and kept, so that addresses and secrets stay the same from one `up` to the next.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The password of the private database.
    pub(crate) postgres_password: String,
    /// Secrets by name.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, String>,
    /// Ports by name; one that is taken is replaced.
    #[serde(default)]
    pub(crate) ports: BTreeMap<String, u16>,
}

impl Local {
    /// Opens it, creating it if need be.
    pub(crate) fn open() -> anyhow::Result<Self> {
        Self::at(servers::local_dir())
    }

    fn at(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("logs"))
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Data of a private server.
    pub(crate) fn data(&self, server: &str) -> PathBuf {
        self.folder.join("data").join(server)
    }

    /// Log of a process.
    pub(crate) fn log(&self, process: &str) -> PathBuf {
        self.folder.join("logs").join(process).with_extension("log")
    }

    /// The addresses in shell syntax.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// What runs.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// A folder for `what`, empty.
    pub(crate) fn scratch(&self, what: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(what);
        if fs::exists(&folder)? {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The lock that one `up` at a time holds; `None` while another one has it. It ends with its holder, however that ends.
    pub(crate) fn lock(&self) -> anyhow::Result<Option<File>> {
        let file = File::create(self.folder.join("lock")).context("cannot create .weir/lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error).context("cannot lock .weir/lock"),
        }
    }

    /// The lock of those who use the scratch folder `what`; waits for the one who has it.
    pub(crate) fn turn(&self, what: &str) -> anyhow::Result<File> {
        let file = File::create(self.folder.join(format!("{what}.lock")));
        let file = file.with_context(|| format!("cannot create .weir/{what}.lock"))?;
        file.lock().with_context(|| format!("cannot lock .weir/{what}.lock"))?;
        Ok(file)
    }

    /// What was made up, now or earlier.
    pub(crate) fn kept(&self) -> anyhow::Result<Kept> {
        let file = self.kept_file();
        if let Ok(text) = fs::read_to_string(&file) {
            return serde_json::from_str(&text).with_context(|| {
                format!("{} is not what we wrote: remove it and .weir/data", file.display())
            });
        }
        let kept = Kept { postgres_password: hex::encode(random::<24>()?), ..Kept::default() };
        self.keep(&kept)?;
        Ok(kept)
    }

    /// Keeps it for the next time.
    pub(crate) fn keep(&self, kept: &Kept) -> anyhow::Result<()> {
        write_private(&self.kept_file(), &serde_json::to_string_pretty(kept)?)
    }

    fn kept_file(&self) -> PathBuf {
        self.folder.join("kept.json")
    }
}

impl Kept {
    /// The port of this name: the one of last time if it is free, else another.
    pub(crate) fn port(&mut self, name: &str) -> anyhow::Result<u16> {
        if let Some(port) = self.ports.get(name).copied().filter(|port| !servers::is_port_taken(*port)) {
            return Ok(port);
        }
        let port = servers::free_port()?;
        self.ports.insert(name.to_owned(), port);
        Ok(port)
    }

    /// The secret of this name.
    pub(crate) fn secret(&mut self, name: &str) -> anyhow::Result<String> {
        self.made_up(name, || Ok(hex::encode(random::<24>()?)))
    }

    /// The key for secrets at rest: 32 bytes in base64.
    pub(crate) fn seal_key(&mut self) -> anyhow::Result<String> {
        self.made_up("seal", || Ok(STANDARD.encode(random::<32>()?)))
    }

    fn made_up(
        &mut self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        if let Some(secret) = self.secrets.get(name) {
            return Ok(secret.clone());
        }
        let secret = make()?;
        self.secrets.insert(name.to_owned(), secret.clone());
        Ok(secret)
    }
}

/// Writes a file that only we may read, at once or not at all.
pub(crate) fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let write = || {
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?
            .write_all(text.as_bytes())?;
        fs::rename(&unfinished, file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_only_we_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::at(folder.path().to_path_buf()).unwrap();
        let mut first = local.kept().unwrap();
        assert_eq!(first.secret("c2s").unwrap().len(), 48);
        assert_ne!(first.secret("c2s").unwrap(), first.postgres_password);
        local.keep(&first).unwrap();
        assert_eq!(local.kept().unwrap(), first);
        let mode = fs::metadata(local.kept_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_port_is_kept_until_somebody_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Local::at(folder.path().to_path_buf()).unwrap().kept().unwrap();
        let port = kept.port("nats").unwrap();
        assert_eq!(kept.port("nats").unwrap(), port);
        let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_ne!(kept.port("nats").unwrap(), port);
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::at(folder.path().to_path_buf()).unwrap();
        let held = local.lock().unwrap();
        assert!(held.is_some());
        assert!(local.lock().unwrap().is_none());
        drop(held);
        assert!(local.lock().unwrap().is_some());
    }
}
