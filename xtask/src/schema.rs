//! `cargo xtask schema`: renews `schemas/weir-config.schema.json`.

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail};

use crate::{build, console::say, interrupt::Interrupt};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say whether it is up to date.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    generate(args.check)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the schema; or, with `check`, fails if the file is not what would be written.
pub(crate) fn generate(check: bool) -> anyhow::Result<()> {
    let programs = build::programs(false, &Interrupt::default())?;
    let output =
        Command::new(programs.get("weir")?).args(["config", "schema"]).output().context("cannot run weir")?;
    if !output.status.success() {
        bail!("`weir config schema` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let file = file();
    if check {
        if fs::read(&file).unwrap_or_default() != output.stdout {
            bail!("{NAME} is not up to date: run `cargo xtask schema`");
        }
    } else {
        fs::write(&file, &output.stdout).with_context(|| format!("cannot write {NAME}"))?;
        say(&format!("wrote {NAME}"));
    }
    Ok(())
}

const NAME: &str = "schemas/weir-config.schema.json";

fn file() -> PathBuf {
    servers::repository().join(NAME)
}
