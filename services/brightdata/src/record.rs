//! One record: its members, read leniently.

use std::collections::BTreeMap;

use contract::json;
use serde_json::{Value, value::RawValue};
use time::OffsetDateTime;

use crate::{instant, number::Number};

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRecord {
    /// They are not JSON.
    NotJson,
    /// They are JSON, but no object.
    NotAnObject,
}

/// The members of a record. Reading a value that cannot be notes its field as refused, and gives none.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Its exact bytes.
    pub(crate) raw: &'a [u8],
    /// What it says.
    pub(crate) members: BTreeMap<String, Value>,
    refused: Vec<String>,
}

impl<'a> Record<'a> {
    /// Reads the members one by one, so that one that no parser takes (`1e999`, a hundred brackets) harms only itself;
    /// of half an emoji not even its own text is lost.
    pub(crate) fn parse(raw: &'a [u8]) -> Result<Self, NoRecord> {
        let text = String::from_utf8_lossy(raw);
        let text = json::mended(&text);
        let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) else {
            let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
            return Err(if is_json { NoRecord::NotAnObject } else { NoRecord::NotJson });
        };
        let mut refused = Vec::new();
        let read = |(name, value): (String, &RawValue)| {
            let value = serde_json::from_str(value.get()).unwrap_or_else(|_| {
                refused.push(name.clone());
                Value::Null
            });
            (name, value)
        };
        let members = members.into_iter().map(read).collect();
        Ok(Self { raw, members, refused })
    }

    /// Names of the fields whose values could not be.
    pub(crate) fn refused(&mut self) -> Vec<String> {
        self.refused.sort();
        self.refused.dedup();
        self.refused.clone()
    }

    /// Notes that the value of a field cannot be.
    pub(crate) fn refuse(&mut self, name: &str) {
        self.refused.push(name.to_owned());
    }

    /// The value at a path such as `about.rating.value`, unless it is null.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        let mut names = path.split('.');
        let first = self.members.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// Whether it has a value there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    /// The first of these that is a text; a list of texts is one text.
    pub(crate) fn text(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| text(self.get(path)?))
    }

    /// The first of these that can be an id: a text, or an integer that is exact.
    pub(crate) fn id(&mut self, paths: &[&str]) -> Option<String> {
        self.read(paths, |value| match value {
            Value::String(text) => match text.replace('\0', "").trim() {
                "" => Read::Absent,
                id => Read::Is(id.to_owned()),
            },
            Value::Number(number) if !number.is_f64() => Read::Is(number.to_string()),
            _ => Read::Refused,
        })
    }

    /// The first of these that is a counter.
    pub(crate) fn count(&mut self, paths: &[&str]) -> Option<i64> {
        self.number(paths).and_then(|number| Number::Is(number).whole())
    }

    /// The first of these that is a number.
    pub(crate) fn number(&mut self, paths: &[&str]) -> Option<f64> {
        self.read(paths, |value| match Number::of(value) {
            Number::Is(number) => Read::Is(number),
            Number::Absent => Read::Absent,
            Number::Corrupt => Read::Refused,
        })
    }

    /// The first of these that is a time.
    pub(crate) fn instant(&mut self, paths: &[&str]) -> Option<OffsetDateTime> {
        self.read(paths, |value| match instant::parse(value) {
            Some(instant) => Read::Is(instant),
            None if value.as_str().is_some_and(|text| text.trim().is_empty()) => Read::Absent,
            None => Read::Refused,
        })
    }

    /// The first of these that is true or false.
    pub(crate) fn flag(&self, paths: &[&str]) -> Option<bool> {
        paths.iter().find_map(|path| match self.get(path)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        })
    }

    /// The first of these that is a list of texts, or one text.
    pub(crate) fn texts(&self, paths: &[&str]) -> Vec<String> {
        paths.iter().find_map(|path| texts(self.get(path)?)).unwrap_or_default()
    }

    /// The elements of a list.
    pub(crate) fn list(&self, path: &str) -> &[Value] {
        self.get(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn read<T>(&mut self, paths: &[&str], read: impl Fn(&Value) -> Read<T>) -> Option<T> {
        for path in paths {
            match self.get(path).map(&read) {
                Some(Read::Is(value)) => return Some(value),
                Some(Read::Refused) => self.refused.push((*path).to_owned()),
                Some(Read::Absent) | None => {}
            }
        }
        None
    }
}

/// What became of reading a value.
enum Read<T> {
    Is(T),
    Absent,
    Refused,
}

/// A value as one text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(_) => texts(value).map(|texts| texts.join(", ")),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts: Vec<String> = match value {
        Value::Array(values) => values.iter().filter(|value| !value.is_array()).filter_map(text).collect(),
        _ => text(value).into_iter().collect(),
    };
    (!texts.is_empty()).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_no_parser_takes_harms_only_itself() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let raw = format!(r#"{{"likes":1e999,"deep":{deep},"post_id":"1"}}"#);
        let mut record = Record::parse(raw.as_bytes()).unwrap();
        assert_eq!(record.id(&["post_id"]).as_deref(), Some("1"));
        assert_eq!(record.count(&["likes"]), None);
        assert_eq!(record.refused(), ["deep", "likes"]);
    }

    #[test]
    fn the_first_value_that_can_be_is_taken() {
        let raw =
            br#"{"likes":5e32,"num_likes_type":{"num":"7"},"id":1.5e30,"company_id":1000001,"empty":""}"#;
        let mut record = Record::parse(raw).unwrap();
        assert_eq!(record.count(&["likes", "num_likes_type.num"]), Some(7));
        assert_eq!(record.id(&["id", "empty", "company_id"]).as_deref(), Some("1000001"));
        assert_eq!(record.refused(), ["id", "likes"]);
    }

    #[test]
    fn bytes_that_are_no_record_are_told_apart() {
        assert_eq!(Record::parse(b"[1]").unwrap_err(), NoRecord::NotAnObject);
        assert_eq!(Record::parse(b"{\"a\":").unwrap_err(), NoRecord::NotJson);
        assert!(Record::parse(b"{\"a\":\"\xff\"}").is_ok(), "what is not UTF-8 is read as far as it goes");
    }
}
