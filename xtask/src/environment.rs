//! The environment and, behind it, the file `.env` in the root of the repository.

use std::{collections::BTreeMap, io, path::Path, process::Command};

use anyhow::Context as _;

/// Variables by name; those of the process win.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    from_file: BTreeMap<String, String>,
}

impl Environment {
    /// Reads `.env` in `folder`, if there is one.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(".env");
        let lines = match dotenvy::from_path_iter(&file) {
            Ok(lines) => lines,
            Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error).context(format!("cannot read {}", file.display())),
        };
        let from_file = lines
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} has a line that is no assignment", file.display()))?;
        Ok(Self { from_file })
    }

    /// The value of a variable. Empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name)
            .and_then(|value| value.into_string().ok())
            .or_else(|| self.from_file.get(name).cloned())
            .filter(|value| !value.is_empty())
    }

    /// The first of these variables that has a value, with its name.
    pub(crate) fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// What the file adds to the environment that children inherit anyway.
    pub(crate) fn additions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.from_file
            .iter()
            .filter(|(name, _)| std::env::var_os(name).is_none())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What somebody sourced or exported for a running Weir must not reach a test or a measurement.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("WEIR_") || matches!(&*text, "NATS_URL" | "DATABASE_URL") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_wins_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(".env"),
            "PATH=from-file\nWEIR_TEST_ONLY=\"from file\"\nWEIR_TEST_EMPTY=\n",
        )
        .unwrap();
        let environment = Environment::load(folder.path()).unwrap();
        assert_ne!(environment.get("PATH").unwrap(), "from-file");
        assert_eq!(environment.get("WEIR_TEST_ONLY").unwrap(), "from file");
        assert_eq!(environment.get("WEIR_TEST_EMPTY"), None);
        assert!(environment.additions().all(|(name, _)| name != "PATH"));
        assert_eq!(environment.first(&["WEIR_TEST_EMPTY", "WEIR_TEST_ONLY"]).unwrap().0, "WEIR_TEST_ONLY");
    }

    #[test]
    fn a_missing_file_is_no_error_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Environment::load(folder.path()).is_ok());
        std::fs::write(folder.path().join(".env"), "what is this\n").unwrap();
        let error = Environment::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains(".env has a line"), "{error}");
    }
}
