//! The configuration file.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use figment::value::Value;

use crate::{
    Origin, Problem, key,
    source::{Given, Sources, unknown},
};

/// Read when it is there and no other file is named.
const DEFAULT_FILE: &str = "weir.toml";

/// The values of the file, if there is one. A file that is named and absent is a problem.
pub(crate) fn read(sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Given> {
    let named = match (&sources.file, sources.variable("WEIR_CONFIG")) {
        (Some(file), _) => Some(("--config", file.clone())),
        (None, Ok(variable)) => variable.map(|path| ("WEIR_CONFIG", PathBuf::from(path))),
        (None, Err(problem)) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let (path, shown) = match &named {
        Some((_, path)) => (sources.directory.join(path), path.as_path()),
        None => (sources.directory.join(DEFAULT_FILE), Path::new(DEFAULT_FILE)),
    };
    let text = match (std::fs::read_to_string(&path), named.as_ref()) {
        (Ok(text), _) => text,
        (Err(error), None) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        (Err(error), named) => {
            let name = named.map_or(DEFAULT_FILE, |(name, _)| name);
            problems.push(Problem::new(name, format!("cannot read the file {}: {error}", shown.display())));
            return Vec::new();
        }
    };
    parse(&text, shown, problems)
}

fn parse(text: &str, file: &Path, problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut values = Vec::new();
    match toml::from_str::<toml::Table>(text) {
        Ok(table) => collect(&table, "", file, &mut values, problems),
        // The error's own text quotes the line, which may hold a secret.
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let name = format!("{} line {line}", file.display());
            problems.push(Problem::new(name, "not valid TOML (the line is not shown, it may hold a secret)"));
        }
    }
    values
}

fn collect(
    table: &toml::Table,
    section: &str,
    file: &Path,
    values: &mut Vec<Given>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in table {
        let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        let origin = Origin::File(file.to_owned());
        if key::find(&path).is_some() {
            match Value::serialize(value) {
                Ok(value) => values.push(Given { path, value, origin }),
                Err(_) => problems.push(Problem::of(&path, &origin, "expected a plain value")),
            }
        } else if !key::is_section(&path) {
            let text = unknown(&path, |key| key.path.clone());
            problems.push(Problem::new(origin.name_of(&path), text));
        } else if let Some(table) = value.as_table() {
            collect(table, &path, file, values, problems);
        } else {
            let text = format!("this is a section: write [{path}] and its settings below");
            problems.push(Problem::new(origin.name_of(&path), text));
        }
    }
}
