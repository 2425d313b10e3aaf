//! What every provider's JSON must respect before anybody parses it.

mod cut;

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value, value::RawValue};

pub use cut::{Member, elements, named, named_among, text, unquoted};

/// Deepest nesting of arrays and objects that is accepted; the parsers behind us (ours and PostgreSQL's) recurse.
pub const DEPTH_MAX: usize = 100;

/// Whether `text` nests deeper than [`DEPTH_MAX`]. One pass, no recursion; says nothing of whether it is valid JSON.
/// Proved by `brackets_inside_strings_do_not_nest`.
pub fn is_too_deep(text: &str) -> bool {
    // Nearly no text opens as many as may nest, and counting needs no look at what is inside strings.
    let count = |bracket| memchr::memchr_iter(bracket, text.as_bytes()).count();
    count(b'[') + count(b'{') > DEPTH_MAX && nests_too_deep(text)
}

fn nests_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The text with `\ufffd` for every escaped surrogate that has no other half (a text that was cut inside an emoji, then
/// escaped): Rust's text cannot hold it, so no parser would take the value that it is in. Proved by
/// `only_halves_without_the_other_half_are_mended`.
pub fn mended(text: &str) -> Cow<'_, str> {
    let (mut mended, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let next = text.get(at + 6..).and_then(escaped_unit);
        match text.get(at..).and_then(escaped_unit) {
            Some(0xd800..=0xdbff) if matches!(next, Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(text.get(copied..at).unwrap_or_default());
                mended.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // Any other escape: the character after the backslash is not the start of one.
            _ => at = text.ceil_char_boundary(at + 2),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The code unit of a `\uXXXX` at the start of the text.
fn escaped_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// One spelling for all texts of one value: members sorted, no space, each character in a string escaped in one way.
/// Numbers stay as they are written.
///
/// `text` must be valid JSON, trimmed, and no deeper than [`DEPTH_MAX`]. Proved by `one_value_has_one_spelling`.
pub fn canonical(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    spell(text, &mut spelled);
    spelled
}

fn spell(text: &str, spelled: &mut String) {
    let before = spelled.len();
    match text.as_bytes().first() {
        // What cannot be read (half of a surrogate pair in a name) is its own spelling.
        Some(b'{') => match serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
            Ok(members) => {
                for (name, value) in members {
                    spelled.push(if spelled.len() == before { '{' } else { ',' });
                    spelled.push_str(&Value::String(name).to_string());
                    spelled.push(':');
                    spell(value.get(), spelled);
                }
                spelled.push_str(if spelled.len() == before { "{}" } else { "}" });
            }
            Err(_) => spelled.push_str(text),
        },
        Some(b'[') => {
            for element in elements(text) {
                spelled.push(if spelled.len() == before { '[' } else { ',' });
                spell(element, spelled);
            }
            spelled.push_str(if spelled.len() == before { "[]" } else { "]" });
        }
        Some(b'"') => match serde_json::from_str(text) {
            Ok(string) => spelled.push_str(&Value::String(string).to_string()),
            Err(_) => spelled.push_str(text),
        },
        _ => spelled.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DEPTH_MAX, canonical, is_too_deep, mended};

    #[test]
    fn only_halves_without_the_other_half_are_mended() {
        for (text, whole) in [
            (r#""\ud83d\ude00 \u00e1 ç \\ud83d""#, r#""\ud83d\ude00 \u00e1 ç \\ud83d""#),
            (r#"{"a\ud83d":"\udc00\ud83d\ud83d\ude00"}"#, r#"{"a\ufffd":"\ufffd\ufffd\ud83d\ude00"}"#),
            (r#""\ud83d"#, r#""\ufffd"#),
            (r"\u+83d \ud8é \", r"\u+83d \ud8é \"),
        ] {
            assert_eq!(mended(text), whole);
        }
    }

    #[test]
    fn one_value_has_one_spelling() {
        for (text, spelled) in [
            ("{ \"b\" : [1 , 2.50] ,\"a\":\"ol\\u00e1 \\/\" }", "{\"a\":\"olá /\",\"b\":[1,2.50]}"),
            ("{\"a\":{},\"b\":[],\"c\":null}", "{\"a\":{},\"b\":[],\"c\":null}"),
            ("\"\\ud83d\"", "\"\\ud83d\""),
            ("12345678901234567890123", "12345678901234567890123"),
        ] {
            assert_eq!(canonical(text), spelled);
        }
    }

    proptest! {
        #[test]
        fn the_spelling_of_an_array_is_the_shortest(array in proptest::collection::vec("[a-z\\[\\]{},\" \\\\]*", 0..8)) {
            let text = serde_json::to_string_pretty(&array).unwrap();
            prop_assert_eq!(canonical(&text), serde_json::to_string(&array).unwrap());
        }
    }

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nested(DEPTH_MAX)));
        assert!(is_too_deep(&nested(DEPTH_MAX + 1)));
        assert!(!is_too_deep(&format!(r#"{{"a":"{}","b":"\"{}"}}"#, "[".repeat(500), "{".repeat(500))));
        assert!(!is_too_deep(&"[],".repeat(1000)));
    }
}
