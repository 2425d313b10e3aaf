//! The layers, one over the other, into the typed tree.

use std::path::PathBuf;

use figment::{
    Figment,
    error::Kind,
    providers::{Format, Toml},
};

use crate::{
    Key, LoadError, Problem, Role, Settings, environment, file, key, legacy,
    source::{Given, Sources},
    validate,
};

/// Reads the settings of this process: from `WEIR_CONFIG` or `./weir.toml`, and from the environment.
///
/// # Errors
/// Everything that is wrong, each key named as it was written; no secret is quoted.
pub fn load(role: Role) -> Result<Settings, LoadError> {
    load_from(role, &Sources::of_process())
}

/// Like [`load`], with a file that was named on the command line.
///
/// # Errors
/// As [`load`].
pub fn load_with(role: Role, file: Option<PathBuf>) -> Result<Settings, LoadError> {
    load_from(role, &Sources::of_process().with_file(file))
}

/// Like [`load`], from what is given and nothing else.
///
/// # Errors
/// As [`load`].
pub fn load_from(role: Role, sources: &Sources) -> Result<Settings, LoadError> {
    let (mut problems, mut notices) = (Vec::new(), Vec::new());
    let mut given = file::read(sources, &mut problems);
    given.extend(environment::read(sources, &mut problems));
    let older = legacy::read(sources, role, &given, &mut problems, &mut notices);
    // Weakest first.
    given.splice(..0, older);

    let mut settings = extract(&mut given, &mut problems).map_err(LoadError::new)?;
    settings.origins = given.into_iter().map(|given| (given.path, given.origin)).collect();
    // A value that could not be read was replaced by its default: what follows from that is no further news.
    let reported: Vec<_> = problems.iter().filter_map(|problem| problem.path.clone()).collect();
    let (contradictions, doubts) = validate::check(&settings, role);
    problems.extend(
        contradictions
            .into_iter()
            .filter(|found| !found.path.as_ref().is_some_and(|path| reported.contains(path))),
    );
    notices.extend(doubts);
    settings.notices = notices;
    if problems.is_empty() { Ok(settings) } else { Err(LoadError::new(problems)) }
}

/// The typed tree. A value that its type refuses is reported and left out, so that the next one is found too.
fn extract(given: &mut Vec<Given>, problems: &mut Vec<Problem>) -> Result<Settings, Vec<Problem>> {
    loop {
        let defaults = Figment::from(Toml::string(crate::DEFAULTS));
        let error = match given.iter().cloned().fold(defaults, Figment::merge).extract() {
            Ok(settings) => return Ok(settings),
            Err(error) => error,
        };
        let path = error.path.join(".");
        let Some((culprit, key)) = take_culprit(given, &path) else {
            // Not a value that anybody gave: the defaults themselves are broken.
            problems.push(Problem::new(path, "the embedded default is not valid"));
            return Err(std::mem::take(problems));
        };
        let reason = match &error.kind {
            Kind::Message(reason) => Some(reason.as_str()),
            _ => None,
        };
        problems.push(Problem::bad_value(key, &culprit.origin, &culprit.value, reason));
    }
}

/// Removes the strongest value at or above the path.
fn take_culprit(given: &mut Vec<Given>, path: &str) -> Option<(Given, &'static Key)> {
    let covers = |given: &Given| {
        path.strip_prefix(&given.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let culprit = given.remove(given.iter().rposition(covers)?);
    let key = key::find(&culprit.path)?;
    Some((culprit, key))
}
