//! Changing single values of a body in place: every other byte stays as the provider sent it, long numbers and the order
//! of members too.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use contract::brightdata::FORMAT_NDJSON;
use serde_json::{Value, value::RawValue};

use super::EditError;
use crate::Original;

/// Whether a body is one JSON value, or one in each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Many,
}

impl Lines {
    pub(super) fn of(original: &Original) -> Self {
        let format = original.envelope.extensions.get("format").map(String::as_str);
        if format == Some(FORMAT_NDJSON) { Self::Many } else { Self::One }
    }
}

/// Sets values, one after the other.
pub(super) fn set(body: &Bytes, values: &[(String, Value)], lines: Lines) -> Result<Bytes, EditError> {
    let mut text = String::from_utf8(body.to_vec())
        .map_err(|_| problem("", "the body is no text; give the whole new body"))?;
    for (pointer, value) in values {
        text = match lines {
            Lines::One => set_one(&text, pointer, pointer, value)?,
            Lines::Many => set_line(&text, pointer, value)?,
        };
    }
    Ok(Bytes::from(text))
}

/// The first part of the pointer is the number of the line.
fn set_line(text: &str, pointer: &str, value: &Value) -> Result<String, EditError> {
    let rest = pointer.strip_prefix('/').ok_or_else(|| problem(pointer, "a pointer begins with /"))?;
    let (number, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let number: usize = number.parse().map_err(|_| problem(pointer, "the first part is a line's number"))?;
    let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
    let mut lines: Vec<Cow<'_, str>> = text.split('\n').map(Cow::Borrowed).collect();
    let line = lines.get_mut(number).filter(|line| !line.trim().is_empty());
    let line = line.ok_or_else(|| problem(pointer, "there is no such line"))?;
    *line = Cow::Owned(set_one(line, pointer, &rest, value)?);
    Ok(lines.join("\n"))
}

/// `shown` is what the caller wrote, of which `pointer` is what is left.
fn set_one(text: &str, shown: &str, pointer: &str, value: &Value) -> Result<String, EditError> {
    let mut current: &RawValue =
        serde_json::from_str(text).map_err(|_| problem(shown, "the body is no JSON"))?;
    if pointer.is_empty() {
        return Ok(value.to_string());
    }
    let tokens = pointer.strip_prefix('/').ok_or_else(|| problem(shown, "a pointer begins with /"))?;
    let mut tokens = tokens.split('/').map(unescape).peekable();
    while let Some(token) = tokens.next() {
        let is_last = tokens.peek().is_none();
        current = match step(current, &token) {
            Step::To(next) => next,
            Step::Missing { is_empty, is_list } if is_last => {
                return Ok(insert(text, current, &token, value, is_empty, is_list));
            }
            Step::Missing { .. } => return Err(problem(shown, "there is nothing on the way to it")),
            Step::Into => return Err(problem(shown, "on the way to it is neither an object nor a list")),
            Step::NoIndex => {
                return Err(problem(shown, "a list has numbers from 0 up to its last, or - for a new last"));
            }
        };
    }
    let begin = offset(text, current);
    let (before, rest) = text.split_at(begin);
    let after = rest.get(current.get().len()..).unwrap_or_default();
    Ok(format!("{before}{value}{after}"))
}

enum Step<'a> {
    To(&'a RawValue),
    Missing {
        is_empty: bool,
        is_list: bool,
    },
    /// Neither object nor list.
    Into,
    NoIndex,
}

fn step<'a>(value: &'a RawValue, token: &str) -> Step<'a> {
    let text = value.get();
    if let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'a, str>, &'a RawValue>>(text) {
        return members
            .get(token)
            .map_or(Step::Missing { is_empty: members.is_empty(), is_list: false }, |next| Step::To(next));
    }
    let Ok(elements) = serde_json::from_str::<Vec<&'a RawValue>>(text) else { return Step::Into };
    if token == "-" {
        return Step::Missing { is_empty: elements.is_empty(), is_list: true };
    }
    let element = token.parse::<usize>().ok().and_then(|index| elements.get(index).copied());
    element.map_or(Step::NoIndex, Step::To)
}

/// A new first member of an object, or a new last element of a list.
fn insert(
    text: &str,
    parent: &RawValue,
    token: &str,
    value: &Value,
    is_empty: bool,
    is_list: bool,
) -> String {
    let begin = offset(text, parent);
    let comma = if is_empty { "" } else { "," };
    let (at, new) = if is_list {
        (begin + parent.get().len() - 1, format!("{comma}{value}"))
    } else {
        (begin + 1, format!("{}:{value}{comma}", Value::from(token)))
    };
    let (before, after) = text.split_at(at);
    format!("{before}{new}{after}")
}

/// Where in `text` the value stands: raw values are slices of what they were read from.
fn offset(text: &str, value: &RawValue) -> usize {
    value.get().as_ptr().addr() - text.as_ptr().addr()
}

/// RFC 6901.
fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn problem(pointer: &str, problem: &'static str) -> EditError {
    EditError::Pointer { pointer: pointer.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edited(body: &'static str, pointer: &str, value: Value, lines: Lines) -> Result<String, String> {
        set(&Bytes::from(body), &[(pointer.to_owned(), value)], lines)
            .map(|body| String::from_utf8(body.to_vec()).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_value_changes_and_every_other_byte_stays() {
        let body = r#"{ "id":12345678901234567890123,"a":{"b" : [1, {"c":null}], "é/x":2} }"#;
        for (pointer, value, expected) in [
            (
                "/a/b/1/c",
                json!("x"),
                r#"{ "id":12345678901234567890123,"a":{"b" : [1, {"c":"x"}], "é/x":2} }"#,
            ),
            (
                "/a/é~1x",
                json!([1]),
                r#"{ "id":12345678901234567890123,"a":{"b" : [1, {"c":null}], "é/x":[1]} }"#,
            ),
            (
                "/a/new",
                json!(true),
                r#"{ "id":12345678901234567890123,"a":{"new":true,"b" : [1, {"c":null}], "é/x":2} }"#,
            ),
            (
                "/a/b/-",
                json!(3),
                r#"{ "id":12345678901234567890123,"a":{"b" : [1, {"c":null},3], "é/x":2} }"#,
            ),
        ] {
            let edited = edited(body, pointer, value, Lines::One).unwrap();
            assert_eq!(edited, expected, "{pointer}");
            serde_json::from_str::<Value>(&edited).unwrap();
        }
        assert_eq!(edited("{}", "/a", json!(1), Lines::One).unwrap(), r#"{"a":1}"#);
        assert_eq!(edited("[]", "/-", json!(1), Lines::One).unwrap(), "[1]");
        assert_eq!(edited(r#""x""#, "", json!({}), Lines::One).unwrap(), "{}");
    }

    #[test]
    fn a_line_is_chosen_by_its_number() {
        let body = "{\"a\":1}\n{\"a\":2}\n";
        assert_eq!(edited(body, "/1/a", json!(3), Lines::Many).unwrap(), "{\"a\":1}\n{\"a\":3}\n");
        assert_eq!(edited(body, "/0", json!({}), Lines::Many).unwrap(), "{}\n{\"a\":2}\n");
        for pointer in ["/2/a", "/x/a", "a"] {
            edited(body, pointer, json!(3), Lines::Many).unwrap_err();
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        for (body, pointer) in [
            ("{}", "a"),
            ("{}", "/a/b"),
            (r#"{"a":1}"#, "/a/b"),
            ("[1]", "/1"),
            ("[1]", "/x"),
            ("no JSON", "/a"),
        ] {
            let error = edited(body, pointer, json!(1), Lines::One).unwrap_err();
            assert!(error.starts_with(&format!("{pointer}: ")), "{error}");
        }
    }
}
