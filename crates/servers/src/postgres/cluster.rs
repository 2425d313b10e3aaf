//! The data folder of a PostgreSQL server: where it is, whose it is, and its creation.

use std::{
    fs::{self, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    os::unix::{
        fs::{OpenOptionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

use super::{Durability, NAME, PostgresOptions};
use crate::{PostgresBin, user::User};

/// A data folder that is ready to be served.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    directory: PathBuf,
    user: Option<User>,
}

impl Cluster {
    /// Finds a place that the server's user can reach, and creates the data folder there if there is none.
    pub(super) fn open(
        server: &PostgresBin,
        options: &PostgresOptions,
        user: Option<User>,
    ) -> anyhow::Result<Self> {
        let directory = place(&options.directory, user.as_ref())?;
        let cluster = Self { directory, user };
        if fs::exists(cluster.data())? {
            cluster.require_same_major(server)?;
        } else {
            cluster.create(server, options)?;
        }
        Ok(cluster)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(super) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    fn require_same_major(&self, server: &PostgresBin) -> anyhow::Result<()> {
        let written_by = fs::read_to_string(self.data().join("PG_VERSION"))
            .context("cannot read the data folder's version")?;
        ensure!(
            written_by.trim() == server.version.major().to_string(),
            "the data in {} was written by PostgreSQL {} and the installed one is {}: remove the folder to start afresh",
            self.directory.display(),
            written_by.trim(),
            server.version
        );
        Ok(())
    }

    /// Runs initdb into a folder of another name first, so that an interrupted run leaves nothing that looks complete.
    fn create(&self, server: &PostgresBin, options: &PostgresOptions) -> anyhow::Result<()> {
        let unfinished = self.directory.join("data.unfinished");
        if fs::exists(&unfinished)? {
            fs::remove_dir_all(&unfinished)?;
        }
        let mut command = Command::new(server.program("initdb"));
        without_pg_variables(&mut command);
        command
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username", NAME, "--encoding=UTF8", "--locale=C", "--no-instructions"])
            .env("LC_ALL", "C")
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        if options.durability == Durability::Throwaway {
            command.arg("--no-sync");
        }
        match &options.password {
            Some(password) => {
                let file = self.password_file(password)?;
                command.args(["--auth=scram-sha-256", "--pwfile"]).arg(file);
            }
            None => {
                command.arg("--auth=trust");
            }
        }
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let output = command.output().context("cannot run initdb")?;
        fs::remove_file(self.directory.join("password")).ok();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("initdb failed: {}", error.trim());
        }
        fs::rename(&unfinished, self.data()).context("cannot put the new data folder in its place")?;
        Ok(())
    }

    /// initdb takes the password from a file only.
    fn password_file(&self, password: &str) -> anyhow::Result<PathBuf> {
        let file = self.directory.join("password");
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&file)?
            .write_all(password.as_bytes())?;
        if let Some(user) = &self.user {
            chown(&file, Some(user.uid), Some(user.gid))?;
        }
        Ok(file)
    }
}

/// The folder itself, or one under the system's folder for temporary files when `user` cannot get there (a repository
/// under a home that is closed to others).
fn place(wanted: &Path, user: Option<&User>) -> anyhow::Result<PathBuf> {
    let Some(user) = user else {
        fs::create_dir_all(wanted).with_context(|| format!("cannot create {}", wanted.display()))?;
        return Ok(wanted.to_path_buf());
    };
    if user.own(wanted)? {
        return Ok(wanted.to_path_buf());
    }
    let mut hash = DefaultHasher::new();
    wanted.hash(&mut hash);
    let other = std::env::temp_dir().join(format!("weir-postgres-{:016x}", hash.finish()));
    ensure!(
        user.own(&other)?,
        "PostgreSQL's user can reach neither {} nor {}: set TMPDIR to a folder that it can reach",
        wanted.display(),
        other.display()
    );
    Ok(other)
}

/// The caller's `PGHOST`, `PGDATA`, `PGOPTIONS` and the like are about another server.
pub(super) fn without_pg_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(&name);
        }
    }
}
