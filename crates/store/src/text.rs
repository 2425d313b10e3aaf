//! Text as PostgreSQL can hold it.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

/// The text without NUL, which PostgreSQL's `text` cannot hold.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// The same, cut at `bytes_max` on a character's boundary.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(bytes_max);
    storable(text.get(..end).unwrap_or(text))
}

/// The same, cut to what an index takes beside its other columns (a third of a page for all of them): a text that is
/// longer stands whole in the raw record. Proved by `a_text_longer_than_an_index_takes_harms_no_record`.
pub(crate) fn indexed(text: &str) -> Cow<'_, str> {
    const INDEXED_MAX_BYTES: usize = 1_024;
    bounded(text, INDEXED_MAX_BYTES)
}

/// The map as an object; `jsonb` cannot hold NUL either, escaped or not.
pub(crate) fn storable_map(map: &BTreeMap<String, String>) -> Value {
    map.iter().map(|(name, value)| (storable(name), storable(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_loses_nul_and_is_cut_between_characters() {
        assert_eq!(storable("a\0b"), "ab");
        assert_eq!(bounded("avião", 4), "avi");
        assert_eq!(bounded("a\0b", 900), "ab");
    }
}
