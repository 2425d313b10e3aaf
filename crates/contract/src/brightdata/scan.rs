//! Finds where a JSON value ends, piece by piece, without parsing it.

use memchr::memchr3;

/// Brackets up to this depth are told apart; deeper ones are only counted. No valid record is as deep.
const KINDS_MAX: u32 = u128::BITS;

/// How far a piece of a value got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The value goes on in the next piece.
    More,
    /// The value ends after so many bytes.
    Done(usize),
    /// An array begins there, right inside of the outermost object. Only told while [`Scanner::tells_arrays`].
    Array(usize),
    /// It is no JSON from there on: brackets do not fit, or (in a line) a text holds a line break.
    Broken(usize),
}

/// State between two pieces of one value, which begins with a bracket or a quote.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "two say where it is, two what it was asked to look for")]
pub(super) struct Scanner {
    depth: u32,
    deepest: u32,
    /// One bit for each open bracket, the innermost lowest: 1 for `[`.
    kinds: u128,
    in_string: bool,
    escaped: bool,
    /// Stop before an array right inside of the outermost object.
    tells_arrays: bool,
    /// Line breaks inside of texts are an error.
    is_line: bool,
}

impl Scanner {
    /// Before the first object of a body: it may hold the records, and it may be a line.
    pub(super) fn first_object() -> Self {
        Self { tells_arrays: true, is_line: true, ..Self::default() }
    }

    /// In an object whose opening bracket was seen elsewhere.
    pub(super) fn inside_object() -> Self {
        Self { depth: 1, deepest: 1, ..Self::default() }
    }

    /// Goes into the array that [`Step::Array`] told of, and tells of later ones or not.
    pub(super) fn enter_array(&mut self, tells_arrays: bool) {
        self.tells_arrays = tells_arrays;
        self.open(true);
    }

    /// How many brackets were open at one time.
    pub(super) fn deepest(&self) -> usize {
        self.deepest as usize
    }

    /// Goes through the next piece.
    pub(super) fn scan(&mut self, piece: &[u8]) -> Step {
        let mut at = 0;
        loop {
            if self.in_string {
                match self.string(piece, at) {
                    Ok(Some(after)) => at = after,
                    Ok(None) => return Step::More,
                    Err(broken) => return Step::Broken(broken),
                }
                if self.depth == 0 {
                    return Step::Done(at);
                }
                continue;
            }
            let Some(byte) = piece.get(at) else { return Step::More };
            match byte {
                b'"' => self.in_string = true,
                b'[' if self.tells_arrays && self.depth == 1 => return Step::Array(at),
                b'[' | b'{' => self.open(*byte == b'['),
                b']' | b'}' if !self.close(*byte == b']') => return Step::Broken(at),
                b']' | b'}' if self.depth == 0 => return Step::Done(at + 1),
                _ => {}
            }
            at += 1;
        }
    }

    /// The place after the text's end, if that is in this piece.
    fn string(&mut self, piece: &[u8], from: usize) -> Result<Option<usize>, usize> {
        let mut at = from;
        loop {
            if self.escaped && at < piece.len() {
                self.escaped = false;
                at += 1;
            }
            let rest = piece.get(at..).unwrap_or_default();
            let Some(offset) = memchr3(b'"', b'\\', b'\n', rest) else { return Ok(None) };
            at += offset;
            match rest.get(offset) {
                Some(b'"') => {
                    self.in_string = false;
                    return Ok(Some(at + 1));
                }
                Some(b'\n') if self.is_line => return Err(at),
                Some(b'\\') => self.escaped = true,
                _ => {}
            }
            at += 1;
        }
    }

    fn open(&mut self, array: bool) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth <= KINDS_MAX {
            self.kinds = self.kinds << 1 | u128::from(array);
        }
    }

    /// Whether the bracket fits the one that it closes.
    fn close(&mut self, array: bool) -> bool {
        if self.depth <= KINDS_MAX {
            if (self.kinds & 1 == 1) != array {
                return false;
            }
            self.kinds >>= 1;
        }
        self.depth -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Step {
        Scanner::default().scan(text.as_bytes())
    }

    #[test]
    fn a_value_ends_with_its_last_bracket() {
        assert_eq!(whole(r#"{"a":[1,{"b":"]}\"}"}]} tail"#), Step::Done(r#"{"a":[1,{"b":"]}\"}"}]}"#.len()));
        assert_eq!(whole(r#""text\\" ,"#), Step::Done(8));
        assert_eq!(whole(r#"{"a":[1}"#), Step::Broken(7));
        assert_eq!(whole(r#"{"a":"#), Step::More);
    }

    #[test]
    fn it_does_not_matter_how_the_value_is_cut() {
        let text = r#"{"a\\\"":["x\\",{"y":"\"}]"}],"é":"\u005c"}"#.as_bytes();
        for cut in 1..text.len() {
            let (left, right) = text.split_at(cut);
            let mut scanner = Scanner::default();
            assert_eq!(scanner.scan(left), Step::More, "{cut}");
            assert_eq!(scanner.scan(right), Step::Done(right.len()), "{cut}");
        }
    }

    #[test]
    fn no_depth_is_too_much_to_count() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let mut scanner = Scanner::default();
        assert_eq!((scanner.scan(deep.as_bytes()), scanner.deepest()), (Step::Done(20_000), 10_000));
    }
}
