//! Whether the bytes of one element are a record.

use serde::de::IgnoredAny;

use super::super::{Notice, control::Members};
use crate::{Code, code, json};

/// The member of a wrapper that holds the records.
const DATA: &[u8] = b"\"data\"";

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

/// What stands before an array right inside of the outermost object.
#[derive(Debug)]
pub(super) enum Head {
    /// The array is the records, and these are the members before it.
    Wrapper(Box<Notice>),
    /// It is called `data`, and is a record's own.
    OfRecord,
    /// It is called something else.
    Other,
}

/// What the bytes say of the array that begins behind them. Reads them through only where the array is called `data`.
pub(super) fn head(bytes: &[u8]) -> Head {
    let before = || {
        let name = bytes.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
        let before = name.strip_suffix(DATA)?.trim_ascii_end();
        before.strip_suffix(b",").or_else(|| before.ends_with(b"{").then_some(before))
    };
    let Some(before) = before() else { return Head::Other };
    match parse([before, b"}"].concat()) {
        Some(Members { is_record_like: false, is_about_records, is_empty, notice })
            if is_about_records || is_empty =>
        {
            Head::Wrapper(Box::new(notice))
        }
        _ => Head::OfRecord,
    }
}

/// The members after the records, without the comma before them, up to the wrapper's end.
pub(super) fn wrapper_tail(bytes: &[u8]) -> Option<Notice> {
    let bytes = bytes.trim_ascii_start();
    let members = bytes.strip_prefix(b",").unwrap_or(bytes);
    let Members { notice, is_record_like: false, .. } = parse([b"{", members].concat())? else { return None };
    Some(notice)
}

fn parse(object: Vec<u8>) -> Option<Members> {
    let object = String::from_utf8(object).ok().filter(|object| !json::is_too_deep(object))?;
    Members::parse(&object)
}
