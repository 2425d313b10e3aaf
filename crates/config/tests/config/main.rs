//! What a person who writes settings meets: layers, errors that name the key, and secrets that stay secret.
#![cfg(test)]

mod defaults;
mod errors;
mod layers;
mod old_names;
mod secrets;

use config::{LoadError, Role, Settings, Sources, load_from};

/// A secret that is long enough, and easy to find where it must not be.
const SECRET: &str = "hunter2-hunter2-hunter2";

/// Loads for `role` from these variables, in an empty folder.
fn load(role: Role, variables: &[(&str, &str)]) -> Result<Settings, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    load_from(role, &Sources::for_tests(variables.iter().copied(), folder.path()))
}

/// Loads for the operator from a `weir.toml` and these variables.
fn load_file(toml: &str, variables: &[(&str, &str)]) -> Result<Settings, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weir.toml"), toml).unwrap();
    load_from(Role::Operator, &Sources::for_tests(variables.iter().copied(), folder.path()))
}

/// The error's text.
fn error(result: Result<Settings, LoadError>) -> String {
    result.expect_err("these settings are wrong").to_string()
}
