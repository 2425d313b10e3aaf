//! Rows of a CSV body (RFC 4180). A line break inside of quotes is part of its field; a quote that does not begin its field
//! is text, as every reader takes it (`a_quote_inside_of_a_field_is_text`).

use memchr::{memchr, memchr2};

/// State between two pieces of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Row {
    /// Where a field begins.
    #[default]
    Field,
    /// In a field without quotes, or behind the closing one.
    Plain,
    Quoted,
    /// Behind a quote inside of quotes: it closes them, unless another one follows.
    Closing,
}

impl Row {
    /// The place of the line break that ends the row, if it is in this piece.
    pub(super) fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = piece.get(at) {
            let rest = piece.get(at..).unwrap_or_default();
            match (*self, byte) {
                (Self::Quoted, _) => {
                    at += memchr(b'"', rest)? + 1;
                    *self = Self::Closing;
                    continue;
                }
                (_, b'\n') => {
                    *self = Self::Field;
                    return Some(at);
                }
                (Self::Field | Self::Closing, b'"') => *self = Self::Quoted,
                (_, b',') => *self = Self::Field,
                (Self::Plain, _) => {
                    at += memchr2(b',', b'\n', rest)?;
                    continue;
                }
                _ => *self = Self::Plain,
            }
            at += 1;
        }
        None
    }
}
