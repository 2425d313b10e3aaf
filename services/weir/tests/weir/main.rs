//! The built `weir` against real servers, as an operator runs it.
#![cfg(test)]

mod audit;
mod brightdata;
mod configuration;
mod dead_letters;
mod doctor;
mod instagram;
mod leads;
mod ledger;
mod operations;
mod prepare;
mod replay;
mod zapier;

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// One run of the command, in an environment of these variables alone.
struct Run {
    output: Output,
}

impl Run {
    fn code(&self) -> i32 {
        self.output.status.code().expect("weir ends by itself")
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// The JSON document of a run that succeeded.
    fn document(&self) -> Value {
        assert_eq!(self.code(), 0, "{}", self.stderr());
        serde_json::from_str(&self.stdout()).unwrap()
    }
}

fn weir_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("weir starts");
    Run { output }
}

fn weir(variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    weir_in(folder.path(), variables, arguments)
}
