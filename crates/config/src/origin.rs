//! Where a value came from, and how to name its key to the person who wrote it.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `config.default.toml`.
    Default,
    /// One of the older systems' variables, or a name in common use.
    OldName(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// A variable `WEIR_…`.
    Variable(String),
    /// A file that a variable `WEIR_…_FILE` names.
    SecretFile(String),
}

impl Origin {
    /// The key in the form in which its value was written, or could be.
    pub(crate) fn name_of(&self, path: &str) -> String {
        match self {
            Self::Default => format!("{path} ({} in the environment)", crate::key::variable(path)),
            Self::File(file) => format!("{path} in {}", file.display()),
            Self::OldName(name) => (*name).to_owned(),
            Self::Variable(name) | Self::SecretFile(name) => name.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::OldName(name) => f.write_str(name),
            Self::File(file) => file.display().fmt(f),
            Self::Variable(name) | Self::SecretFile(name) => f.write_str(name),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
