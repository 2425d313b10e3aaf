//! What is wrong with the settings, told to the person who wrote them: the key as they wrote it, the value unless it is
//! a secret, and what is expected. All of it at once.

use std::fmt;

use figment::value::Value;

use crate::{Origin, key::Key, redact::redact_userinfo};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, when it is one.
    pub(crate) path: Option<String>,
    /// The key as it was written.
    name: String,
    text: String,
}

impl Problem {
    /// About something that is no setting: a file, an unknown name.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: None, name: name.into(), text: text.into() }
    }

    /// About a setting.
    pub(crate) fn of(path: &str, origin: &Origin, text: impl Into<String>) -> Self {
        Self { path: Some(path.to_owned()), name: origin.name_of(path), text: text.into() }
    }

    /// About a value that its setting cannot take. `reason` is not shown for a secret, for it may quote the value.
    pub(crate) fn bad_value(key: &Key, origin: &Origin, value: &Value, reason: Option<&str>) -> Self {
        let expected = key.kind.expected();
        let description = key.description.trim_end_matches('.');
        let text = match (key.secret, reason) {
            (true, _) => format!("expected {expected} (the value is a secret and not shown). {description}."),
            (false, None) => format!("`{}` is not valid: expected {expected}. {description}.", shown(value)),
            (false, Some(reason)) => format!("`{}` is not valid: {reason}. {description}.", shown(value)),
        };
        Self::of(&key.path, origin, text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// Why a process does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    problems: Vec<Problem>,
}

impl LoadError {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that is wrong, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "configuration: {only}"),
            several => {
                write!(f, "configuration: {} problems", several.len())?;
                several.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

/// A value that is no secret, short enough to read.
fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 120;
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string(value).unwrap_or_default(),
    };
    let text = redact_userinfo(&text);
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
