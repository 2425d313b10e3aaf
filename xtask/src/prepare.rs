//! `cargo xtask prepare`: renews `crates/store/.sqlx`, from which the queries are checked when no database is there.
//!
//! sqlx's macros write these files themselves when they compile against a database; no further tool is needed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::SystemTime,
};

use anyhow::{Context as _, bail};
use servers::{Durability, Life, Postgres, PostgresBin, PostgresOptions};

use crate::{build::cargo, console::say, local::Local, steps, tools};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say whether they are up to date.
    #[arg(long)]
    check: bool,
}

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    prepare(args.check)?;
    Ok(ExitCode::SUCCESS)
}

/// Renews the files; or, with `check`, fails if they are not what would be written.
pub(crate) fn prepare(check: bool) -> anyhow::Result<()> {
    let local = Local::open()?;
    let _turn = local.turn("prepare")?;
    let scratch = local.scratch("prepare")?;
    let described = describe(&tools::postgres()?, &scratch);
    let kept = store().join(".sqlx");
    let outcome =
        described.and_then(|fresh| if check { compare(&kept, &fresh) } else { replace(&kept, &fresh) });
    fs::remove_dir_all(&scratch).ok();
    outcome
}

fn store() -> PathBuf {
    servers::repository().join("crates/store")
}

/// Compiles the queries against a database of their own.
fn describe(server: &PostgresBin, scratch: &Path) -> anyhow::Result<Files> {
    let options = PostgresOptions {
        directory: scratch.join("postgres"),
        log: scratch.join("postgres.log"),
        port: None,
        durability: Durability::Throwaway,
        password: None,
        life: Life::Ephemeral,
    };
    let postgres = Postgres::start(server, &options)?;
    migrate(server, &postgres)?;
    let folder = scratch.join("sqlx");
    fs::create_dir(&folder)?;
    let _recompiled = Touched::touch(&store().join("src/lib.rs"))?;
    steps::run(
        cargo()
            .args(["check", "--quiet", "--package", "store", "--all-targets"])
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &folder)
            .env("DATABASE_URL", postgres.url()),
    )?;
    read(&folder)
}

/// Applies the migrations without the programs, which cannot be compiled while a description is missing.
fn migrate(server: &PostgresBin, postgres: &Postgres) -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(store().join("migrations"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    for file in files {
        let output = Command::new(server.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file"])
            .arg(&file)
            .arg(postgres.url())
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")?;
        if !output.status.success() {
            bail!("{} fails: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    Ok(())
}

fn compare(kept: &Path, fresh: &Files) -> anyhow::Result<()> {
    let old = read(kept)?;
    let differs = |name: &&String| old.get(*name) != fresh.get(*name);
    let mut names: Vec<&String> = old.keys().chain(fresh.keys()).filter(differs).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        say(&format!("the descriptions of {} queries are up to date", fresh.len()));
        return Ok(());
    }
    for name in &names {
        say(&format!("  differs: {name}"));
    }
    bail!("{} of the files in crates/store/.sqlx are not up to date: run `cargo xtask prepare`", names.len())
}

fn replace(kept: &Path, fresh: &Files) -> anyhow::Result<()> {
    if fs::exists(kept)? {
        fs::remove_dir_all(kept)?;
    }
    fs::create_dir_all(kept)?;
    for (name, bytes) in fresh {
        fs::write(kept.join(name), bytes)?;
    }
    say(&format!("described {} queries in crates/store/.sqlx", fresh.len()));
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    if !fs::exists(folder)? {
        return Ok(Files::new());
    }
    fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?))
        })
        .collect()
}

/// A source file that looks changed, so that cargo compiles it; it gets its time back, so that nothing that was built
/// before has to be built again.
struct Touched {
    file: File,
    modified: SystemTime,
}

impl Touched {
    fn touch(path: &Path) -> anyhow::Result<Self> {
        let file = File::options()
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let modified = file.metadata()?.modified()?;
        file.set_modified(now())?;
        Ok(Self { file, modified })
    }
}

#[expect(clippy::disallowed_methods, reason = "cargo compares with the real time")]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.file.set_modified(self.modified).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_changed_or_left_over_is_told_and_then_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join(".sqlx");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("same.json"), "1").unwrap();
        fs::write(kept.join("changed.json"), "1").unwrap();
        fs::write(kept.join("left-over.json"), "1").unwrap();
        let fresh = Files::from([
            ("same.json".to_owned(), b"1".to_vec()),
            ("changed.json".to_owned(), b"2".to_vec()),
            ("missing.json".to_owned(), b"3".to_vec()),
        ]);
        let error = compare(&kept, &fresh).unwrap_err().to_string();
        assert!(error.starts_with("3 of the files"), "{error}");
        replace(&kept, &fresh).unwrap();
        compare(&kept, &fresh).unwrap();
        assert_eq!(read(&kept).unwrap(), fresh);
    }

    #[test]
    fn a_touched_file_gets_its_time_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        fs::write(&path, "").unwrap();
        let before = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        File::options().append(true).open(&path).unwrap().set_modified(before).unwrap();
        let touched = Touched::touch(&path).unwrap();
        assert_ne!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        drop(touched);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    }
}
