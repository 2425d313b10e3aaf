//! Builds through cargo.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::interrupt::Interrupt;

/// The programs that were built.
#[derive(Debug)]
pub(crate) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// The file of a program.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&Path> {
        self.0
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("no package builds a program named {name}"))
    }
}

/// cargo, in the root of the repository, as if called from a shell.
///
/// We run under `cargo run`, which tells of the package `xtask` in the environment. Build scripts look at that (ring's
/// does), so that without this everything that uses TLS would be built again on every change between us and a shell.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(servers::repository());
    for (name, _) in std::env::vars_os() {
        if is_about_us(&name.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
    command
}

fn is_about_us(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || matches!(
            variable,
            "CARGO_BIN_NAME"
                | "CARGO_CRATE_NAME"
                | "CARGO_MANIFEST_DIR"
                | "CARGO_MANIFEST_PATH"
                | "CARGO_PRIMARY_PACKAGE"
        )
}

/// The arguments that build every program. `up` and `test` use the same ones, so that they share what is built.
pub(crate) fn arguments(release: bool) -> Vec<&'static str> {
    let mut arguments = vec!["build", "--workspace", "--bins"];
    if release {
        arguments.push("--release");
    }
    arguments
}

/// Builds every program. cargo shows its own progress.
pub(crate) fn programs(release: bool, interrupt: &Interrupt) -> anyhow::Result<Programs> {
    run(&arguments(release), interrupt)
}

/// Builds the programs of some packages for speed.
pub(crate) fn released(packages: &[&str], interrupt: &Interrupt) -> anyhow::Result<Programs> {
    let mut arguments = vec!["build", "--release", "--bins"];
    arguments.extend(packages.iter().flat_map(|package| ["--package", *package]));
    run(&arguments, interrupt)
}

fn run(arguments: &[&str], interrupt: &Interrupt) -> anyhow::Result<Programs> {
    let mut child = cargo()
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let mut stdout = child.stdout.take().context("cargo has no output")?;
    // Read beside the wait: cargo stops when nobody reads, and the wait is where a signal is heard.
    let reader = std::thread::spawn(move || {
        let mut messages = String::new();
        stdout.read_to_string(&mut messages).map(|_| messages)
    });
    let status = interrupt.wait(&mut child)?;
    if !status.success() {
        bail!("the build failed, see above");
    }
    let messages = reader.join().ok().context("cannot read what cargo says")??;
    Ok(Programs(messages.lines().filter_map(executable).collect()))
}

/// Name and file of a program, from one of cargo's messages.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message.pointer("/target/name")?.as_str()?;
    let file = message.get("executable")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let program =
            r#"{"reason":"compiler-artifact","target":{"name":"weir-edge"},"executable":"/t/weir-edge"}"#;
        let library = r#"{"reason":"compiler-artifact","target":{"name":"edge"},"executable":null}"#;
        assert_eq!(executable(program), Some(("weir-edge".to_owned(), PathBuf::from("/t/weir-edge"))));
        assert_eq!(executable(library), None);
        assert_eq!(executable("not JSON"), None);
    }
}
