//! What an edited body breaks of its provider's schema (`schemas/<provider>/`), beside what our own parser needs of it.
//!
//! Providers send what their schemas do not say, and it is kept; so only what the edit itself breaks counts.

use std::collections::BTreeMap;

use contract::{
    brightdata::{Dataset, FORMAT_CSV, dataset},
    stream::{
        brightdata::PROVIDER as BRIGHTDATA, c2s::PROVIDER as C2S, instagram::PROVIDER as INSTAGRAM,
        usage::PROVIDER as USAGE,
    },
};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::EditError;
use crate::Original;

const C2S_SCHEMA: &str = include_str!("../../../../schemas/c2s/webhook.json");
const INSTAGRAM_SCHEMA: &str = include_str!("../../../../schemas/instagram/webhook.json");
const USAGE_SCHEMA: &str = include_str!("../../../../schemas/usage/webhook.json");

/// Schemas of the records of each dataset, by platform and kind.
macro_rules! records {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../../schemas/brightdata/", $name, ".json")))),+]
    };
}

const RECORD_SCHEMAS: [(&str, &str); 12] = records![
    "facebook-comments",
    "facebook-pages",
    "facebook-posts",
    "facebook-reels",
    "instagram-comments",
    "instagram-posts",
    "instagram-reels",
    "instagram-stories",
    "linkedin-companies",
    "linkedin-posts",
    "tiktok-profiles",
    "tiktok-videos",
];

/// Problems that are named.
const NAMED_MAX: usize = 3;

/// Refuses what breaks the schema where `before` did not.
pub(super) fn check(original: &Original, before: &[u8], after: &[u8]) -> Result<(), EditError> {
    let was: Vec<_> = problems(original, before).into_keys().collect();
    let broken: Vec<_> =
        problems(original, after).into_iter().filter(|(key, _)| !was.contains(key)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let mut said: Vec<_> = broken.iter().take(NAMED_MAX).map(|(_, said)| said.clone()).collect();
    if let Some(more) = broken.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        said.push(format!("and {more} more"));
    }
    Err(EditError::Schema { provider: original.provider, problems: said.join("; ") })
}

/// Where a value is not as the schema says, and which word of the schema says so.
type Place = (String, String);

/// What breaks the schema, in words that do not repeat the body.
fn problems(original: &Original, body: &[u8]) -> BTreeMap<Place, String> {
    let Some((schema, parts)) = parts(original, body) else { return BTreeMap::new() };
    let mut problems = BTreeMap::new();
    for (at, value) in &parts {
        for error in schema.iter_errors(value) {
            let place = format!("{at}{}", error.instance_path());
            let said = format!("{}: {}", if place.is_empty() { "/" } else { &place }, error.masked());
            problems.insert((place, error.schema_path().to_string()), said);
        }
    }
    problems
}

/// The parts of a body that a schema speaks of, each with its place; and the schema. Absent: none does.
fn parts(original: &Original, body: &[u8]) -> Option<(Validator, Vec<(String, Value)>)> {
    let whole = || serde_json::from_slice::<Value>(body).ok();
    match original.provider {
        C2S => Some((compiled(C2S_SCHEMA, Some("lead"))?, vec![inner(whole()?, None, &["lead", "data"])])),
        USAGE => {
            let report = inner(whole()?, Some("session_id"), &["events", "data"]);
            Some((compiled(USAGE_SCHEMA, Some("report"))?, vec![report]))
        }
        INSTAGRAM => {
            let body = whole()?;
            // What was cut out of a delivery is an element of it.
            let definition = match &body {
                Value::Object(members) if members.contains_key("field") => Some("change"),
                Value::Object(members) if !members.contains_key("entry") => Some("item"),
                _ => None,
            };
            Some((compiled(INSTAGRAM_SCHEMA, definition)?, vec![(String::new(), body)]))
        }
        BRIGHTDATA => Some((compiled(record_schema(original)?, None)?, lines(body))),
        _ => None,
    }
}

/// A schema of ours, or one of its definitions.
fn compiled(schema: &str, definition: Option<&str>) -> Option<Validator> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    if let Some(name) = definition {
        // Of the rest only the definitions count.
        let definitions = schema.get_mut("$defs").map(Value::take)?;
        schema = json!({
            "$schema": schema.get("$schema"), "$defs": definitions, "$ref": format!("#/$defs/{name}"),
        });
    }
    jsonschema::validator_for(&schema).ok()
}

/// What is inside the envelope that a provider may put around one event, and where. What has the member `own` is none.
fn inner(value: Value, own: Option<&str>, envelopes: &[&str]) -> (String, Value) {
    let only = |value: &Value| value.as_array().filter(|list| list.len() == 1).map(|_| "/0".to_owned());
    let envelope = |value: &Value| {
        let members =
            value.as_object().filter(|members| !own.is_some_and(|own| members.contains_key(own)))?;
        let holds =
            |name: &&&str| members.get(**name).is_some_and(|inner| inner.is_object() || inner.is_array());
        envelopes.iter().find(holds).map(|name| format!("/{name}"))
    };
    let inside = into((String::new(), value), only);
    into(into(inside, envelope), only)
}

/// One step inwards, if there is one.
fn into((at, mut value): (String, Value), step: impl Fn(&Value) -> Option<String>) -> (String, Value) {
    let Some(pointer) = step(&value) else { return (at, value) };
    match value.pointer_mut(&pointer).map(Value::take) {
        Some(next) => (at + &pointer, next),
        None => (at, value),
    }
}

/// That of the records in a part of a delivery, where we have one of their dataset. CSV has no values but text.
fn record_schema(original: &Original) -> Option<&'static str> {
    let extension = |name| original.envelope.extensions.get(name).map(String::as_str);
    if extension("format") == Some(FORMAT_CSV) {
        return None;
    }
    let words = || Some((extension("platform")?.parse().ok()?, extension("kind")?.parse().ok()?));
    let (platform, kind): Dataset = words().or_else(|| extension("dataset").and_then(dataset))?;
    let name = format!("{}-{}", platform.as_str(), kind.as_str());
    RECORD_SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema)
}

fn lines(body: &[u8]) -> Vec<(String, Value)> {
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter_map(|(number, line)| Some((format!("/{number}"), serde_json::from_slice(line).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests;
