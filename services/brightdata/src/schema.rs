//! `schemas/brightdata/*.json`, and how a record differs from its schema.
//!
//! A record is never refused for what a schema says, so a validator's verdict is of no use here: what is wanted is the
//! list of differences, unknown fields included, in one pass. The few keywords that the schemas use (`type`, `properties`,
//! `items`, `required`, local `$ref`) are read here; the `jsonschema` crate would bring some forty crates for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use contract::brightdata::{Kind, Platform};
use serde::Deserialize;
use serde_json::Value;
use store::schema_drift::Change;

/// Longest path that is told, in bytes.
const PATH_MAX_BYTES: usize = 256;
/// Differences told of one record, at most: its field names may be data.
const PER_RECORD_MAX: usize = 100;

/// A field that is not as its schema says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) change: Change,
    /// JSON type found; empty for a vanished field.
    pub(crate) found: &'static str,
    /// JSON types that the schema allows; empty if it knows none.
    pub(crate) expected: String,
}

/// What records of one sort look like.
#[derive(Debug)]
pub(crate) struct Schema {
    required: Vec<String>,
    properties: BTreeMap<String, Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Empty: any.
    types: Vec<String>,
    /// None: whatever is inside is not described.
    properties: Option<BTreeMap<String, Node>>,
    items: Option<Box<Node>>,
}

impl Schema {
    /// How the members of a record differ, each difference once.
    pub(crate) fn differences(&self, members: &BTreeMap<String, Value>) -> BTreeSet<Difference> {
        let mut found = BTreeSet::new();
        for name in &self.required {
            if !members.contains_key(name) {
                let expected = self.properties.get(name).map(Node::expected).unwrap_or_default();
                tell(&mut found, name, Change::Vanished, "", expected);
            }
        }
        for (name, value) in members {
            compare_member(self.properties.get(name), name, value, &mut found);
        }
        found
    }
}

impl Node {
    fn compare(&self, path: &str, value: &Value, found: &mut BTreeSet<Difference>) {
        if !value.is_null() && !self.allows(value) {
            tell(found, path, Change::Type, type_of(value), self.expected());
            return;
        }
        match (value, &self.properties, &self.items) {
            (Value::Object(members), Some(properties), _) => {
                for (name, value) in members {
                    compare_member(properties.get(name), &format!("{path}.{name}"), value, found);
                }
            }
            (Value::Array(values), _, Some(items)) => {
                let path = format!("{path}[]");
                for value in values {
                    items.compare(&path, value, found);
                }
            }
            _ => {}
        }
    }

    fn allows(&self, value: &Value) -> bool {
        let found = type_of(value);
        self.types.is_empty()
            || self.types.iter().any(|name| name == found || name == "number" && found == "integer")
    }

    fn expected(&self) -> String {
        self.types.join(" or ")
    }
}

fn compare_member(node: Option<&Node>, path: &str, value: &Value, found: &mut BTreeSet<Difference>) {
    match node {
        Some(node) => node.compare(path, value, found),
        None => tell(found, path, Change::New, type_of(value), String::new()),
    }
}

fn tell(
    found: &mut BTreeSet<Difference>,
    path: &str,
    change: Change,
    type_found: &'static str,
    expected: String,
) {
    if found.len() < PER_RECORD_MAX {
        let path = path.get(..path.floor_char_boundary(PATH_MAX_BYTES)).unwrap_or(path).to_owned();
        found.insert(Difference { path, change, found: type_found, expected });
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A schema file, as far as these use the language.
#[derive(Debug, Deserialize)]
struct Source {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "type", default)]
    types: Types,
    properties: Option<BTreeMap<String, Source>>,
    items: Option<Box<Source>>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(rename = "$defs", default)]
    definitions: BTreeMap<String, Source>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Several(Vec<String>),
}

impl Default for Types {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Source {
    fn node(&self, definitions: &BTreeMap<String, Self>) -> Node {
        let name = self.reference.as_deref().and_then(|reference| reference.strip_prefix("#/$defs/"));
        if let Some(definition) = name.and_then(|name| definitions.get(name)) {
            return definition.node(definitions);
        }
        Node {
            types: match self.types.clone() {
                Types::One(name) => vec![name],
                Types::Several(names) => names,
            },
            properties: self.properties.as_ref().map(|properties| nodes(properties, definitions)),
            items: self.items.as_ref().map(|items| Box::new(items.node(definitions))),
        }
    }
}

fn nodes(
    properties: &BTreeMap<String, Source>,
    definitions: &BTreeMap<String, Source>,
) -> BTreeMap<String, Node> {
    properties.iter().map(|(name, source)| (name.clone(), source.node(definitions))).collect()
}

fn read(text: &str) -> Schema {
    let source: Source =
        serde_json::from_str(text).expect("the schemas are compiled in, and tests read them all");
    let properties = source.properties.unwrap_or_default();
    Schema { required: source.required, properties: nodes(&properties, &source.definitions) }
}

macro_rules! schemas {
    ($($platform:ident $kind:ident = $file:literal;)*) => {
        /// The sorts of record that are described.
        #[cfg(test)]
        pub(crate) const DESCRIBED: &[(Platform, Kind)] = &[$((Platform::$platform, Kind::$kind)),*];

        /// What records of this sort look like, if it is described.
        pub(crate) fn of(platform: Platform, kind: Kind) -> Option<&'static Schema> {
            match (platform, kind) {
                $((Platform::$platform, Kind::$kind) => {
                    static SCHEMA: LazyLock<Schema> =
                        LazyLock::new(|| read(include_str!(concat!("../../../schemas/brightdata/", $file))));
                    Some(&SCHEMA)
                })*
                _ => None,
            }
        }
    };
}

schemas! {
    Facebook Posts = "facebook-posts.json";
    Facebook Reels = "facebook-reels.json";
    Facebook Comments = "facebook-comments.json";
    Facebook Pages = "facebook-pages.json";
    Instagram Posts = "instagram-posts.json";
    Instagram Reels = "instagram-reels.json";
    Instagram Stories = "instagram-stories.json";
    Instagram Comments = "instagram-comments.json";
    LinkedIn Posts = "linkedin-posts.json";
    LinkedIn Companies = "linkedin-companies.json";
    TikTok Videos = "tiktok-videos.json";
    TikTok Profiles = "tiktok-profiles.json";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(members: &Value) -> Vec<(String, Change, &'static str)> {
        let members = serde_json::from_value(members.clone()).unwrap();
        let found = of(Platform::Instagram, Kind::Posts).unwrap().differences(&members);
        found.into_iter().map(|difference| (difference.path, difference.change, difference.found)).collect()
    }

    #[test]
    fn every_record_of_the_reference_is_as_its_schema_says() {
        for (platform, kind) in DESCRIBED {
            let members = serde_json::from_str(crate::testing::record(*platform, *kind)).unwrap();
            let found = of(*platform, *kind).unwrap().differences(&members);
            assert!(found.is_empty(), "{platform} {kind}: {found:?}");
        }
    }

    #[test]
    fn a_field_that_is_new_gone_or_of_another_type_is_told_once() {
        let mut members: Value =
            serde_json::from_str(crate::testing::record(Platform::Instagram, Kind::Posts)).unwrap();
        members["mood"] = "sunny".into();
        members["url"] = serde_json::json!(["https://www.instagram.com/p/DAbCdEfGhIj/"]);
        members["images"] = serde_json::json!([{"id": "1", "hue": 3}, {"id": "2", "hue": 4}, null]);
        members.as_object_mut().unwrap().remove("likes");
        assert_eq!(
            differences(&members),
            [
                ("images[].hue".to_owned(), Change::New, "integer"),
                ("likes".to_owned(), Change::Vanished, ""),
                ("mood".to_owned(), Change::New, "string"),
                ("url".to_owned(), Change::Type, "array"),
            ]
        );
    }

    #[test]
    fn what_is_not_described_inside_is_not_looked_into() {
        let mut members: Value =
            serde_json::from_str(crate::testing::record(Platform::Instagram, Kind::Posts)).unwrap();
        members["input"] = serde_json::json!({"url": "x", "anything": [1]});
        members["has_handshake"] = serde_json::json!({"now": "an object"});
        members["likes"] = "312".into();
        assert_eq!(differences(&members), []);
    }
}
