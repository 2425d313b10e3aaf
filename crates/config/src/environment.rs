//! Variables `WEIR_<SECTION>__<KEY>`, and `…_FILE` for secrets. What a value means is decided by the kind of its key,
//! never guessed from its looks: a secret of digits stays text.

use figment::value::{Num, Value};

use crate::{
    Origin, Problem,
    key::{self, Key, Kind},
    source::{Given, Sources, unknown},
};

const PREFIX: &str = "WEIR_";

/// Names that begin like settings and are none. Everything else under the prefix must be a setting.
pub(crate) const NOT_SETTINGS: &[(&str, &str)] = &[
    ("WEIR_CONFIG", "path of the configuration file"),
    ("WEIR_LOG", "log filter of `weir` and `cargo xtask` themselves"),
    ("WEIR_NATS_SERVER", "path of nats-server, for `cargo xtask` and tests"),
    ("WEIR_POSTGRES_BIN", "folder of PostgreSQL's programs, for `cargo xtask` and tests"),
    ("WEIR_EDGE_URL", "address of a running edge, for `weir send`, `weir test` and `weir doctor`"),
    ("WEIR_TEST_*", "switches of the tests"),
];

/// The values of the environment, unknown names as problems.
pub(crate) fn read(sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut values = Vec::new();
    for name in sources.environment.keys() {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if is_no_setting(&name) {
            continue;
        }
        match sources.variable(&name).and_then(|text| match text {
            Some(text) => value_of(&name, rest, text, sources).map(Some),
            None => known(&name, rest).map(|_| None),
        }) {
            Ok(value) => values.extend(value),
            Err(problem) => problems.push(problem),
        }
    }
    values
}

/// The key of a variable, and whether the variable names a file that holds the value.
fn known(name: &str, rest: &str) -> Result<(&'static Key, bool), Problem> {
    let path = rest.replace("__", ".").to_ascii_lowercase();
    let secret_file = || {
        let path = path.strip_suffix("_file")?;
        key::find(path).filter(|key| key.secret)
    };
    match key::find(&path) {
        Some(key) if key.variable == name => Ok((key, false)),
        Some(key) => Err(Problem::new(name, format!("no such setting; did you mean {}?", key.variable))),
        None => secret_file()
            .map(|key| (key, true))
            .ok_or_else(|| Problem::new(name, unknown(&path, |key| key.variable.clone()))),
    }
}

fn value_of(name: &str, rest: &str, text: &str, sources: &Sources) -> Result<Given, Problem> {
    let (key, is_file) = known(name, rest)?;
    let (origin, value) = if is_file {
        if sources.variable(&key.variable)?.is_some() {
            return Err(Problem::new(name, format!("set either this or {}, not both", key.variable)));
        }
        let origin = Origin::SecretFile(name.to_owned());
        let content = std::fs::read_to_string(sources.directory.join(text))
            .map_err(|error| Problem::new(name, format!("cannot read the file {text}: {error}")))?;
        (origin, of_file(key, &content))
    } else {
        let origin = Origin::Variable(name.to_owned());
        let value =
            parse(key, text).ok_or_else(|| Problem::bad_value(key, &origin, &Value::from(text), None))?;
        (origin, value)
    };
    Ok(Given { path: key.path.clone(), value, origin })
}

/// A secret file's content, trimmed; of a list, one element per line.
fn of_file(key: &Key, content: &str) -> Value {
    if key.kind == Kind::List {
        let lines = content.lines().map(str::trim).filter(|line| !line.is_empty());
        Value::from(lines.map(Value::from).collect::<Vec<_>>())
    } else {
        Value::from(content.trim())
    }
}

/// The text as a value of the key's kind.
pub(crate) fn parse(key: &Key, text: &str) -> Option<Value> {
    let text = text.trim();
    Some(match key.kind {
        Kind::Flag => Value::from(flag(text)?),
        Kind::Integer => Value::from(Num::from(text.parse::<u64>().ok()?)),
        Kind::Number => Value::from(Num::from(text.parse::<f64>().ok()?)),
        Kind::List if text.starts_with('[') => Value::from(
            serde_json::from_str::<Vec<String>>(text).ok()?.into_iter().map(Value::from).collect::<Vec<_>>(),
        ),
        Kind::Text | Kind::Word(_) | Kind::List => Value::from(text),
    })
}

pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn is_no_setting(name: &str) -> bool {
    let listed = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    NOT_SETTINGS.iter().any(|(pattern, _)| listed(pattern)) || is_service_link(name)
}

/// Kubernetes puts `WEIR_EDGE_SERVICE_HOST`, `WEIR_EDGE_PORT_8000_TCP_ADDR` and so on into every container beside a
/// service named `weir-edge`. No setting looks like that, for a setting has two underscores after its section.
fn is_service_link(name: &str) -> bool {
    let port_of_a_protocol = || {
        let (_, port) = name.split_once("_PORT_")?;
        let (number, protocol) = port.split_once('_')?;
        let known = ["TCP", "UDP", "SCTP"].iter().any(|known| protocol.starts_with(known));
        (known && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
    };
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || name.ends_with("_PORT")
            || port_of_a_protocol().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_adds_for_a_service_named_weir_edge_is_no_setting() {
        for name in [
            "WEIR_EDGE_SERVICE_HOST",
            "WEIR_EDGE_SERVICE_PORT",
            "WEIR_EDGE_SERVICE_PORT_HTTP",
            "WEIR_EDGE_PORT",
            "WEIR_EDGE_PORT_8000_TCP",
            "WEIR_EDGE_PORT_8000_TCP_ADDR",
            "WEIR_TEST_KEEP",
            "WEIR_CONFIG",
        ] {
            assert!(is_no_setting(name), "{name}");
        }
        for name in ["WEIR_EDGE__LISTEN", "WEIR_EDGE_LISTEN", "WEIR_CONFIGURATION", "WEIR_EDGE__PORT"] {
            assert!(!is_no_setting(name), "{name}");
        }
    }
}
