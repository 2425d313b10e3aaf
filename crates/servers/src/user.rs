//! The user PostgreSQL runs as when we are root, which it refuses.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

/// Users to try; the first that exists is taken.
const CANDIDATES: [&str; 4] = ["postgres", "_postgres", "pgsql", "nobody"];

/// A user other than root.
#[derive(Debug, Clone)]
pub(crate) struct User {
    name: &'static str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// The user to become; `None` when we are not root and stay who we are.
    pub(crate) fn unprivileged() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        for name in CANDIDATES {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
                return Ok(Some(Self { name, uid, gid }));
            }
        }
        bail!(
            "PostgreSQL refuses to run as root and there is no user `postgres`: create it with `useradd -r postgres`"
        )
    }

    /// Makes `folder` theirs alone, creating it if needed. Says whether they can reach it: a parent folder may be closed.
    pub(crate) fn own(&self, folder: &Path) -> anyhow::Result<bool> {
        if !fs::exists(folder)? {
            if let Some(parent) = folder.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        let owner = fs::symlink_metadata(folder)?;
        ensure!(
            owner.is_dir() && (owner.uid() == 0 || owner.uid() == self.uid),
            "{} belongs to somebody else: remove it",
            folder.display()
        );
        chown(folder, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} to user {}", folder.display(), self.name))?;
        let reached = Command::new("sh")
            .args(["-c", "cd \"$1\" && test -w .", "sh"])
            .arg(folder)
            .current_dir("/")
            .uid(self.uid)
            .gid(self.gid)
            .output()?;
        Ok(reached.status.success())
    }
}

fn id(what: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([what, name]).output().ok()?;
    let id = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
    (output.status.success() && id != 0).then_some(id)
}
