//! The system's package manager.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::{Version, on_path};

/// The packages that provide one thing, under each manager.
pub(super) struct Wanted {
    pub(super) apt: &'static [&'static str],
    pub(super) dnf: &'static [&'static str],
    pub(super) apk: &'static [&'static str],
    pub(super) brew: &'static [&'static str],
}

/// A package manager that is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packages {
    Apt,
    Dnf,
    Apk,
    Brew,
}

impl Packages {
    pub(super) fn of_system() -> Option<Self> {
        [Self::Apt, Self::Dnf, Self::Apk, Self::Brew]
            .into_iter()
            .find(|packages| !on_path(packages.name()).is_empty())
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    const fn choose(self, wanted: &Wanted) -> &'static [&'static str] {
        match self {
            Self::Apt => wanted.apt,
            Self::Dnf => wanted.dnf,
            Self::Apk => wanted.apk,
            Self::Brew => wanted.brew,
        }
    }

    /// The version of the first package that it would install, as far as it knows without going to the network.
    pub(super) fn offered(self, wanted: &Wanted) -> Option<Version> {
        let package = self.choose(wanted).first()?;
        let (program, arguments, line_start): (_, &[&str], _) = match self {
            Self::Apt => ("apt-cache", &["policy"], "Candidate:"),
            Self::Dnf => ("dnf", &["--cacheonly", "info"], "Version"),
            Self::Apk => ("apk", &["policy"], ""),
            Self::Brew => ("brew", &["info"], "=="),
        };
        let output = Command::new(program).args(arguments).arg(package).env("LC_ALL", "C").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix(line_start))
            .find_map(|rest| Version::in_text(&rest.replace(package, "")))
    }

    /// Installs the packages, with sudo when we are not root.
    pub(super) fn install(self, wanted: &Wanted) -> anyhow::Result<()> {
        let packages = self.choose(wanted);
        let installing: &[&str] = match self {
            Self::Apt => &["apt-get", "install", "-y", "--no-install-recommends"],
            Self::Dnf => &["dnf", "install", "-y"],
            Self::Apk => &["apk", "add"],
            Self::Brew => &["brew", "install"],
        };
        if self == Self::Apt {
            // Without lists there is nothing to install; with old ones there often is. Its failure is told by the next.
            self.run(&["apt-get", "update", "-qq"]).ok();
        }
        self.run(&[installing, packages].concat())
            .with_context(|| format!("install {} by hand", packages.join(" and ")))
    }

    fn run(self, words: &[&str]) -> anyhow::Result<()> {
        let root = rustix::process::geteuid().is_root();
        let sudo: &[&str] = if root || self == Self::Brew {
            &[]
        } else if on_path("sudo").is_empty() {
            bail!("`{}` needs root, and there is no sudo", words.join(" "));
        } else {
            &["sudo"]
        };
        let words = [sudo, words].concat();
        let (program, arguments) = words.split_first().context("no command")?;
        let status = Command::new(program)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::inherit())
            // Our own standard output is for results.
            .stdout(std::io::stderr())
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        if status.success() {
            return Ok(());
        }
        bail!("`{}` failed", words.join(" "))
    }
}
