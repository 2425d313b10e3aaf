//! Cutting valid JSON apart without reading it: only strings and brackets are looked at, so that a delivery is read once,
//! when it is found to be JSON, and what is inside it costs little more, however deep it lies.
//!
//! What is handed in must be valid JSON already. Where it is not, what comes out means nothing, and is not harmful.

use std::borrow::Cow;

/// A member's value, if the member is there and not `null`.
pub type Member<'a> = Option<&'a str>;

const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];

/// The elements of `array`, each as the bytes that it has there, one by one: for whoever has a limit on their number.
/// What is not an array has none. Proved by `elements_are_the_bytes_between_the_commas`.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = array.strip_prefix('[').unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(',').trim_start_matches(SPACE);
        let (element, behind) = value(rest)?;
        rest = behind.trim_start_matches(SPACE);
        Some(element)
    })
}

/// The members of `object`, each with its name and its value as the bytes that they have there, the name in its quotes.
/// What is not an object has none. Proved by `members_are_what_a_parser_sees`.
fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.strip_prefix('{').unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(',').trim_start_matches(SPACE);
        let (name, behind) = value(rest)?;
        let behind = behind.trim_start_matches(SPACE).strip_prefix(':')?;
        let (value, behind) = value(behind.trim_start_matches(SPACE))?;
        rest = behind.trim_start_matches(SPACE);
        Some((name, value))
    })
}

/// A string, or a member's name, as it reads; `None` where no text can hold it (half of a surrogate pair).
pub fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(quoted.strip_prefix('"')?.strip_suffix('"')?))
}

/// The text that a member holds, or its number as it is written: ids are longer than any number that a parser keeps
/// exactly. Blank text counts as none.
pub fn text(member: Member<'_>) -> Option<String> {
    let member = member?;
    let text = match member.as_bytes().first()? {
        b'"' => unquoted(member)?,
        b'-' | b'0'..=b'9' => Cow::Borrowed(member),
        _ => return None,
    };
    Some(text).filter(|text| !text.trim().is_empty()).map(Cow::into_owned)
}

/// The values of the members of `object` that have these names; `None` where one of them stands twice, so that two
/// readers could see two things, or where a name cannot be read.
pub fn named<'a, const N: usize>(object: &'a str, names: [&str; N]) -> Option<[Member<'a>; N]> {
    named_among(object, names, |_, _| {})
}

/// The same, and tells name and value of every other member.
pub fn named_among<'a, const N: usize>(
    object: &'a str,
    names: [&str; N],
    mut other: impl FnMut(&str, &'a str),
) -> Option<[Member<'a>; N]> {
    let mut found = [None; N];
    for (quoted, value) in members(object) {
        let read = unquoted(quoted)?;
        let Some((_, place)) = names.iter().zip(&mut found).find(|(name, _)| **name == read) else {
            other(&read, value);
            continue;
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    Some(found.map(|value| value.filter(|value| *value != "null")))
}

/// The value at the start of `text`, and what stands behind it.
fn value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string(bytes)?,
        b'[' | b'{' => brackets(bytes)?,
        b']' | b'}' | b':' | b',' => return None,
        _ => bytes.iter().position(|byte| b",]}: \n\r\t".contains(byte)).unwrap_or(bytes.len()),
    };
    text.split_at_checked(end)
}

/// Where the string ends that begins there.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Where the array or object ends that begins there.
fn brackets(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut open) = (0, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at += string(bytes.get(at..)?)?,
            b'[' | b'{' => {
                open += 1;
                at += 1;
            }
            b']' | b'}' => {
                open = open.checked_sub(1)?;
                at += 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn elements_are_the_bytes_between_the_commas() {
        let all = |array| elements(array).collect::<Vec<_>>();
        assert_eq!(
            all("[ 1,{\"a\" : [2, 3]} ,\n\"],\\\"\" , null, [] ]"),
            ["1", "{\"a\" : [2, 3]}", "\"],\\\"\"", "null", "[]"]
        );
        for none in ["[]", "[ ]", "", "{}", "7", "\"[1]\""] {
            assert_eq!(all(none), Vec::<&str>::new(), "{none}");
        }
    }

    #[test]
    fn members_that_are_asked_for_are_found_whatever_their_spelling() {
        let object = r#"{ "a" : 1 , "\u0062":{"a":2},"c":null,"d":[",}"] }"#;
        assert_eq!(named(object, ["b", "a", "c", "e"]), Some([Some(r#"{"a":2}"#), Some("1"), None, None]));
        assert_eq!(named(r#"{"a":1,"\u0061":2}"#, ["a"]), None, "one member twice");
        assert_eq!(named(r#"{"b":1,"b":2,"a":3}"#, ["a"]), Some([Some("3")]), "not one that is asked for");
        assert_eq!(named(r#"{"\ud800":1}"#, ["a"]), None);
        assert_eq!(named("[1]", ["a"]), Some([None]));
    }

    #[test]
    fn what_is_not_valid_ends_it() {
        for text in ["[", "[\"", "[\"\\", "[}", "[[1}", "{\"a\"", "{\"a\":", "{1:2", "[:", "[1,,2"] {
            assert!(elements(text).count() + members(text).count() < 5, "{text}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[\"\\\\\\[\\]{},: é😀a-c\n]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map("[a-c\"\\\\{}é]{0,4}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_what_a_parser_sees(value in json(), is_pretty in any::<bool>()) {
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            let expected = serde_json::from_str::<Vec<&RawValue>>(&text).unwrap_or_default();
            prop_assert!(elements(&text).eq(expected.into_iter().map(RawValue::get)));
            let expected = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text).unwrap_or_default();
            let seen: BTreeMap<String, &str> =
                members(&text).map(|(quoted, value)| (unquoted(quoted).unwrap().into_owned(), value)).collect();
            prop_assert_eq!(seen, expected.into_iter().map(|(name, value)| (name, value.get())).collect());
        }

        #[test]
        fn no_text_is_harmful(text in "[\\[\\]{},:\"\\\\ a1é]{0,40}") {
            prop_assert!(elements(&text).count() <= text.len());
            prop_assert!(members(&text).count() <= text.len());
        }
    }
}
