//! Every key there is: its path, kind and meaning, read from the schema.

use std::sync::LazyLock;

use serde_json::Value;

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// `edge.listen`.
    pub path: String,
    /// `WEIR_EDGE__LISTEN`.
    pub variable: String,
    /// What a value looks like.
    pub kind: Kind,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// The default; `None`: absent.
    pub default: Option<Value>,
    /// What it means.
    pub description: String,
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Any text, or text that its type checks (an address).
    Text,
    /// One of these words.
    Word(Vec<String>),
    /// A whole number above zero.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    List,
}

impl Kind {
    /// What to write, for a sentence that begins with "expected".
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Integer => "a whole number of at least 1".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::List => "a list, such as [\"a\", \"b\"] (in the environment also a,b)".to_owned(),
        }
    }
}

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = Vec::new();
    collect(crate::schema(), "", &mut keys);
    keys
});

/// Every setting, by path.
pub fn all() -> &'static [Key] {
    &KEYS
}

/// The setting at this path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether the path is a section, which has settings below it.
pub(crate) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The key that somebody who wrote `path` may have meant.
pub(crate) fn nearest(path: &str) -> Option<&'static Key> {
    const SIMILAR: f64 = 0.7;
    let likeness = |key: &Key| {
        let last = |path: &str| path.rsplit('.').next().map(str::to_owned).unwrap_or_default();
        // The right word in the wrong section is the other common mistake.
        strsim::normalized_damerau_levenshtein(path, &key.path).max(if last(path) == last(&key.path) {
            SIMILAR
        } else {
            0.0
        })
    };
    KEYS.iter()
        .map(|key| (likeness(key), key))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, key)| key)
}

/// The environment variable of a path.
pub(crate) fn variable(path: &str) -> String {
    format!("WEIR_{}", path.replace('.', "__").to_ascii_uppercase())
}

fn collect(node: &Value, path: &str, keys: &mut Vec<Key>) {
    if let Some(properties) = node.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(property, &path, keys);
        }
        return;
    }
    keys.push(Key {
        path: path.to_owned(),
        variable: variable(path),
        kind: kind(node),
        secret: is_secret(node),
        default: node.get("default").cloned(),
        description: node.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
    });
}

/// The alternatives of an optional setting, `null` left out; the node itself otherwise.
fn alternatives(node: &Value) -> impl Iterator<Item = &Value> {
    let any_of = node.get("anyOf").and_then(Value::as_array);
    let own = any_of.is_none().then_some(node);
    any_of.into_iter().flatten().chain(own).filter(|node| node.get("type") != Some(&Value::from("null")))
}

fn kind(node: &Value) -> Kind {
    let node = alternatives(node).next().unwrap_or(node);
    let words = |list: &Value| -> Vec<String> {
        let word = |value: &Value| value.get("const").unwrap_or(value).as_str().map(str::to_owned);
        list.as_array().into_iter().flatten().filter_map(word).collect()
    };
    if let Some(list) = node.get("oneOf").or_else(|| node.get("enum")) {
        return Kind::Word(words(list));
    }
    let is = |word: &str| match node.get("type") {
        Some(Value::String(only)) => only == word,
        Some(Value::Array(several)) => several.iter().any(|one| one == word),
        _ => false,
    };
    match () {
        () if is("array") => Kind::List,
        () if is("integer") => Kind::Integer,
        () if is("number") => Kind::Number,
        () if is("boolean") => Kind::Flag,
        () => Kind::Text,
    }
}

fn is_secret(node: &Value) -> bool {
    let hidden = |node: &Value| node.get("writeOnly") == Some(&Value::Bool(true));
    alternatives(node).any(|node| hidden(node) || node.get("items").is_some_and(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_secrets_are_read_from_the_types() {
        for (path, kind, secret) in [
            ("edge.listen", Kind::Text, false),
            ("edge.metrics_listen", Kind::Text, false),
            ("edge.require_https", Kind::Flag, false),
            ("edge.rate_burst", Kind::Integer, false),
            ("telemetry.sample_ratio", Kind::Number, false),
            ("nats.urls", Kind::List, false),
            ("nats.token", Kind::Text, true),
            ("postgres.url", Kind::Text, true),
            ("telemetry.otlp_headers", Kind::List, true),
            ("edge.providers.c2s.secrets", Kind::List, true),
            ("edge.providers.c2s.allowed_ips", Kind::List, false),
        ] {
            let key = find(path).unwrap_or_else(|| panic!("{path} is not a key"));
            assert_eq!((&key.kind, key.secret), (&kind, secret), "{path}");
        }
        assert_eq!(
            find("log.format").unwrap().kind,
            Kind::Word(["auto", "json", "pretty"].map(str::to_owned).to_vec())
        );
        assert!(is_section("edge.providers.c2s") && !is_section("edge.listen") && !is_section("edg"));
    }

    #[test]
    fn a_slip_of_the_hand_finds_its_key() {
        for (written, meant) in [
            ("edge.lisen", "edge.listen"),
            ("edge.tls_cert", "edge.tls_cert_file"),
            ("nats.url", "nats.urls"),
            ("edge.otlp_endpoint", "telemetry.otlp_endpoint"),
        ] {
            assert_eq!(nearest(written).unwrap().path, meant, "{written}");
        }
        assert_eq!(nearest("zzz"), None);
    }
}
