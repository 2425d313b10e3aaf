//! Values as such services write them: numbers as texts, texts as numbers, and everything may be null or empty.

use people::Cpf;
use serde_json::Value;

/// Elements of a list that are kept, at most.
const ELEMENTS_MAX: usize = 10;
/// Characters of one value that are kept, at most.
const TEXT_MAX_CHARS: usize = 200;

/// The text at this pointer, trimmed; a number becomes one, and nothing is `None`.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = match value.pointer(pointer)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(TEXT_MAX_CHARS).collect();
    (!text.is_empty()).then_some(text)
}

/// The objects of the list at this pointer.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let elements = value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    elements.iter().filter(|element| element.is_object()).take(ELEMENTS_MAX)
}

/// The CPF at this pointer; a number has lost its leading zeros. A company's number is none.
pub(crate) fn cpf(value: &Value, pointer: &str) -> Option<Cpf> {
    match value.pointer(pointer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => Cpf::from_number(number.as_u64()?).ok(),
        _ => None,
    }
}

/// Texts one after the other, those that there are.
pub(crate) fn joined<const N: usize>(texts: [Option<String>; N], between: &str) -> String {
    texts.into_iter().flatten().collect::<Vec<_>>().join(between)
}

/// JSON that is not nested beyond reason.
pub(crate) fn json(body: &[u8]) -> Option<Value> {
    let text = str::from_utf8(body).ok()?;
    if contract::json::is_too_deep(text) {
        return None;
    }
    serde_json::from_str(text).ok()
}
