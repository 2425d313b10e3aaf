//! JSON Schema of the configuration file, for editors and for `schemas/weir-config.schema.json`; the loader reads the
//! kinds of its keys from the same document.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::Settings;

static SCHEMA: LazyLock<Value> = LazyLock::new(build);

/// JSON Schema (2020-12) of the configuration file. The same for every build of one version.
pub fn schema() -> &'static Value {
    &SCHEMA
}

fn build() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>().to_value();
    let defaults: Value = toml::from_str(crate::DEFAULTS).expect("the embedded defaults are TOML");
    complete(&mut schema, Some(&defaults));
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".to_owned(), json!("weir-config.schema.json"));
        object.insert("title".to_owned(), json!("Weir configuration"));
    }
    sorted(schema)
}

/// Adds what the types do not say: defaults; that every key may be left out of the file; that zero is no value; and
/// that the providers are those with defaults.
fn complete(node: &mut Value, default: Option<&Value>) {
    let Some(object) = node.as_object_mut() else {
        return;
    };
    object.remove("required");
    if object.contains_key("properties") {
        // Each key below has its own.
        object.remove("default");
    }
    if let (Some(additional), Some(Value::Object(known))) =
        (object.get("additionalProperties").filter(|schema| schema.is_object()).cloned(), default)
    {
        let known: Map<_, _> =
            known.keys().map(|name| (name.clone(), for_provider(additional.clone(), name))).collect();
        object.insert("properties".to_owned(), Value::Object(known));
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            complete(property, default.and_then(|default| default.get(name)));
        }
        return;
    }
    if object.get("type") == Some(&json!("integer")) {
        object.insert("minimum".to_owned(), json!(1));
    }
    match default {
        Some(default) => object.insert("default".to_owned(), default.clone()),
        None => object.remove("default"),
    };
}

/// The settings of one provider: those marked `provider` are that one provider's alone.
fn for_provider(mut section: Value, name: &str) -> Value {
    if let Some(properties) = section.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| {
            let marker = property.as_object_mut().and_then(|property| property.remove("provider"));
            marker.is_none_or(|provider| provider == name)
        });
    }
    section
}

/// Whether maps keep their order depends on features that other crates may turn on, so the order is made here.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.into_iter().collect();
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_defaults_limits_and_providers() {
        let at = |pointer: &str| schema().pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/properties/edge/properties/listen/default"), json!("0.0.0.0:8000"));
        assert_eq!(at("/properties/nats/properties/replicas/minimum"), json!(1));
        let c2s = "/properties/edge/properties/providers/properties/c2s/properties";
        assert_eq!(at(&format!("{c2s}/secrets/items/writeOnly")), json!(true));
        assert_eq!(at("/properties/edge/properties/providers/additionalProperties"), json!(false));
        let of = |provider: &str| {
            at(&format!(
                "/properties/edge/properties/providers/properties/{provider}/properties/verify_tokens"
            ))
        };
        assert_eq!((of("instagram")["type"].clone(), of("c2s")), (json!("array"), json!(null)));
        assert!(!schema().to_string().contains("required\":"), "every key has a default or may be absent");
    }
}
