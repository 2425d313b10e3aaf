//! Rows of a CSV body. A line break inside of quotes is part of its field.

use memchr::memchr2;

/// State between two pieces of one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    is_quoted: bool,
}

impl Row {
    /// The place of the line break that ends the row, if it is in this piece.
    pub(super) fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = piece.get(at..)?;
            at += memchr2(b'"', b'\n', rest)?;
            match piece.get(at) {
                // A doubled quote inside of quotes closes and opens again, which comes to the same.
                Some(b'"') => self.is_quoted = !self.is_quoted,
                _ if !self.is_quoted => return Some(at),
                _ => {}
            }
            at += 1;
        }
    }
}
