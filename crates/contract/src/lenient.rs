//! Reading fields of JSON leniently, as PostgreSQL can hold them.

use std::borrow::Cow;

use serde_json::Value;
use time::OffsetDateTime;

use crate::json;

/// Longest id that is believed, bytes. Ids are in primary keys, and an index entry has a limit.
const ID_MAX_BYTES: usize = 512;

/// Parses JSON, with U+FFFD for half an emoji. Proved by `half_an_emoji_does_not_lose_its_message`.
pub(crate) fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| match json::mended(text) {
        Cow::Owned(mended) => serde_json::from_str(&mended).ok(),
        Cow::Borrowed(_) => None,
    })
}

/// The object at `key`.
pub(crate) fn object<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| value.is_object())
}

/// The id at `key`: text, or a whole number.
pub(crate) fn id(value: &Value, key: &str) -> Option<String> {
    let id = match value.get(key)? {
        Value::String(id) => id.replace('\0', "").trim().to_owned(),
        Value::Number(id) if id.is_u64() => id.to_string(),
        _ => return None,
    };
    (!id.is_empty() && id.len() <= ID_MAX_BYTES).then_some(id)
}

/// The text at `key`, unless it is empty. PostgreSQL text cannot hold NUL, so NULs are dropped.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    let text = match value.get(key)? {
        Value::String(text) => text.replace('\0', ""),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The flag at `key`.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    match value.get(key) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(word)) => word == "true" || word == "1",
        Some(Value::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
        _ => false,
    }
}

/// The whole number at `key`, also as text or with a fraction of zero.
pub(crate) fn count(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within 53 bits, and checked to be whole")]
pub(crate) fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// The instant that a timestamp means: seconds, milliseconds (most fields), microseconds, each also as text (the Test
/// button). To the microsecond, which is what the database keeps. Proved by `a_timestamp_has_many_spellings`.
pub(crate) fn instant(value: Option<&Value>) -> Option<OffsetDateTime> {
    const YEAR_5000_IN_SECONDS: i64 = 95_617_584_000;
    let number = match value? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?.trunc())),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| *number > 0)?;
    let micros = if number < YEAR_5000_IN_SECONDS {
        number.checked_mul(1_000_000)?
    } else if number < YEAR_5000_IN_SECONDS * 1_000 {
        number.checked_mul(1_000)?
    } else {
        number
    };
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
}

/// The value without NUL, which `jsonb` cannot hold.
pub(crate) fn storable(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(elements) => elements.iter().map(storable).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('\0', ""), storable(value))).collect()
        }
        other => other.clone(),
    }
}
