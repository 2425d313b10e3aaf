//! What a process is given: its environment, and a file. Tests give their own.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use figment::{
    Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use crate::{Origin, Problem, key};

/// What settings are read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub(crate) environment: BTreeMap<OsString, OsString>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) directory: PathBuf,
}

impl Sources {
    /// The environment of this process, and the working directory.
    pub fn of_process() -> Self {
        Self { environment: std::env::vars_os().collect(), file: None, directory: PathBuf::new() }
    }

    /// Nothing but these variables; `weir.toml` is looked for in `directory`.
    pub fn for_tests<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        variables: impl IntoIterator<Item = (K, V)>,
        directory: &Path,
    ) -> Self {
        let owned = |(name, value): (K, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
        Self {
            environment: variables.into_iter().map(owned).collect(),
            file: None,
            directory: directory.to_owned(),
        }
    }

    /// Reads this file, whatever `WEIR_CONFIG` says.
    #[must_use]
    pub fn with_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file.or(self.file);
        self
    }

    /// The variable's text; an empty variable is absent, as compose files and orchestrators write it.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.environment.get(OsStr::new(name)) {
            None => Ok(None),
            Some(text) => match text.to_str() {
                None => Err(Problem::new(name, "the value is not valid UTF-8")),
                Some(text) if text.trim().is_empty() => Ok(None),
                Some(text) => Ok(Some(text)),
            },
        }
    }
}

/// One value that somebody wrote.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) path: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        match figment::util::nest(&self.path, self.value.clone()) {
            Value::Dict(_, dict) => Ok(Profile::Default.collect(dict)),
            _ => Err(format!("{} is not a path", self.path).into()),
        }
    }
}

/// "no such setting", and which one may have been meant.
pub(crate) fn unknown(path: &str, spelling: impl Fn(&key::Key) -> String) -> String {
    match key::nearest(path) {
        Some(key) => format!("no such setting; did you mean {}?", spelling(key)),
        None => "no such setting; `weir config names` lists them all".to_owned(),
    }
}
