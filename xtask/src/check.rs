//! `cargo xtask check`: what can be said without running anything.

use std::process::ExitCode;

use crate::{
    build::cargo,
    prepare, schema,
    steps::{self, Steps},
};

pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::default();
    formatting(&mut steps);
    lints(&mut steps);
    generated(&mut steps);
    steps.finish()
}

pub(crate) fn formatting(steps: &mut Steps) {
    steps.run("formatting", || steps::run(cargo().args(["fmt", "--all", "--check"])));
}

pub(crate) fn lints(steps: &mut Steps) {
    steps.run("lints", || {
        steps::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
}

/// Whether the generated files are what would be generated now.
pub(crate) fn generated(steps: &mut Steps) {
    steps.run("descriptions of queries", || prepare::prepare(true));
    steps.run("configuration schema", || schema::generate(true));
}

/// Whether the documentation builds, its links included. It is for those who work on Weir: private items are part of it,
/// and may be linked to.
pub(crate) fn documentation(steps: &mut Steps) {
    steps.run("documentation", || {
        let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items"];
        steps::run(
            cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"),
        )
    });
}
