//! Whether the bytes of one element are a record.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::super::control::is_record_like;
use crate::{Code, code, json};

/// The member of a wrapper that holds the records.
const DATA: &[u8] = b"\"data\"";

/// Members of which a wrapper has at least one, unless `data` is its first. A record may have a member `data` too.
const WRAPPER_WORDS: [&str; 5] = ["snapshot_id", "collection_id", "dataset_id", "platform", "status"];

/// Whether it is a JSON object that parsers can take.
pub(super) fn check_object(bytes: &[u8], depth: usize) -> Result<(), Code> {
    check_json(bytes, depth)?;
    if bytes.first() == Some(&b'{') { Ok(()) } else { Err(code::UNEXPECTED_SHAPE) }
}

/// The same for a line, whose depth nobody has looked at.
pub(super) fn check_line(bytes: &[u8]) -> Result<(), Code> {
    let text = std::str::from_utf8(bytes).map_err(|_| code::MALFORMED)?;
    check_object(bytes, if json::is_too_deep(text) { usize::MAX } else { 0 })
}

fn check_json(bytes: &[u8], depth: usize) -> Result<(), Code> {
    let text = std::str::from_utf8(bytes).map_err(|_| code::MALFORMED)?;
    if depth > json::DEPTH_MAX {
        return Err(code::MALFORMED);
    }
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|_| code::MALFORMED)
}

/// The members before `"data":`, if that is where the bytes end and they are no record's.
pub(super) fn wrapper_head(bytes: &[u8]) -> Option<Map<String, Value>> {
    let before =
        bytes.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end().strip_suffix(DATA)?.trim_ascii_end();
    let members = before.strip_suffix(b",").or_else(|| before.ends_with(b"{").then_some(before))?;
    let members = parse([members, b"}"].concat())?;
    let is_about_records = members.is_empty() || WRAPPER_WORDS.iter().any(|word| members.contains_key(*word));
    (is_about_records && !is_record_like(&members)).then_some(members)
}

/// The members after the records, without the comma before them, up to the wrapper's end.
pub(super) fn wrapper_tail(bytes: &[u8]) -> Option<Map<String, Value>> {
    let bytes = bytes.trim_ascii_start();
    let members = bytes.strip_prefix(b",").unwrap_or(bytes);
    let members = parse([b"{", members].concat())?;
    (!is_record_like(&members)).then_some(members)
}

fn parse(object: Vec<u8>) -> Option<Map<String, Value>> {
    let object = String::from_utf8(object).ok().filter(|object| !json::is_too_deep(object))?;
    serde_json::from_str(&object).ok()
}
