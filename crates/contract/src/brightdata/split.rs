//! Cuts a body into records while it arrives. Holds one record at a time, never more.
//!
//! The forms are told apart by what the bytes are, not by what headers say of them: an array, an object with the records
//! in `data`, objects one a line, one object alone, CSV. What is no record is given as such, with its bytes, and costs
//! its neighbours nothing; where the structure itself is broken, the rest of the body is given in fragments.

mod element;
mod read;

use std::ops::Range;

use super::{Notice, csv::Row, scan::Scanner};
use crate::Code;

/// Most bytes of one fragment.
const FRAGMENT_BYTES: usize = 512 * 1024;
/// A buffer that grew beyond this for one large record is not kept for the next.
const BUFFER_KEPT_BYTES: usize = 1024 * 1024;

/// Something found in a body.
#[derive(Debug, PartialEq)]
pub enum Split<'a> {
    /// A record: a JSON object in the provider's own bytes (line breaks between its tokens are spaces), or a CSV row.
    Record(&'a [u8]),
    /// The first row of a CSV body.
    Header(&'a [u8]),
    /// The body's only object, which may be a record or a control body, see [`Body::of`](super::Body::of).
    Object(&'a [u8]),
    /// What the members of a wrapper say that stand beside its records. These may come before or after.
    Members(Box<Notice>),
    /// An element or a line that is no record.
    Rejected {
        /// What is wrong with it.
        code: Code,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A piece of what cannot be taken apart: an unreadable rest, or a record above the limit.
    Fragment {
        /// What is wrong with it.
        code: Code,
        /// Whether the rest, or the record, begins here.
        is_first: bool,
        /// Its bytes; none where a body ends early between two records.
        bytes: &'a [u8],
    },
}

impl Split<'_> {
    /// The bytes of it.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Record(bytes)
            | Self::Header(bytes)
            | Self::Object(bytes)
            | Self::Rejected { bytes, .. }
            | Self::Fragment { bytes, .. } => bytes,
            Self::Members(_) => &[],
        }
    }
}

/// Cuts one body. What it finds depends on the body's bytes alone, not on the pieces that they arrive in
/// (`a_body_gives_the_same_groups_however_it_is_cut`).
#[derive(Debug)]
pub struct Splitter {
    mode: Mode,
    takes_csv: bool,
    record_max: usize,
    /// The element that is being read.
    buffer: Vec<u8>,
    /// Bytes of it that were handed out, and go before the next step.
    used: usize,
    spill: Option<Spill>,
    /// Bytes that are read again, as lines, before the input; and how many of them were.
    again: Vec<u8>,
    again_at: usize,
}

#[derive(Debug)]
enum Mode {
    Start,
    Elements {
        state: Element,
        wrapped: bool,
    },
    /// The first object of a body.
    Object(Scanner),
    /// Behind it: whether it spans lines, whether a line break followed, and how deeply it nests.
    AfterObject {
        spans_lines: bool,
        line_ended: bool,
        deepest: usize,
    },
    Lines,
    /// Objects that span lines, one after another.
    Values(Option<Scanner>),
    /// What follows the records of a wrapper.
    Tail(Scanner),
    Csv {
        row: Row,
        has_header: bool,
    },
    /// The body is complete; only white space may follow.
    End,
    /// Nothing can be made of the rest.
    Broken,
}

#[derive(Debug)]
enum Element {
    Expected,
    Inside(Scanner),
    Scalar,
    After,
}

/// Bytes that leave in fragments.
#[derive(Debug, Clone, Copy)]
struct Spill {
    code: Code,
    is_first: bool,
    has_ended: bool,
}

/// Something found; its bytes are a range of the buffer.
#[derive(Debug)]
enum Found {
    /// `true`: JSON, which must be one line.
    Record(Range<usize>, bool),
    Header(Range<usize>),
    Object(Range<usize>),
    Members(Box<Notice>),
    Rejected(Code, Range<usize>),
    Fragment(Spill, usize),
}

impl Splitter {
    /// Takes records of at most `record_max` bytes; larger ones leave in fragments.
    pub fn new(record_max: usize, takes_csv: bool) -> Self {
        Self {
            mode: Mode::Start,
            takes_csv,
            record_max,
            buffer: Vec::new(),
            used: 0,
            spill: None,
            again: Vec::new(),
            again_at: 0,
        }
    }

    /// Takes from `input` up to the next thing found; `None` once all of it is taken.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Split<'_>> {
        self.forget_used();
        let found = self.step(input)?;
        Some(self.show(found))
    }

    /// What the end of the body makes known; to be called until it gives `None`.
    pub fn end(&mut self) -> Option<Split<'_>> {
        self.forget_used();
        let found = loop {
            if let Some(found) = self.step(&mut &[][..]) {
                break found;
            }
            if matches!(self.mode, Mode::End) {
                return None;
            }
            if let Some(found) = self.at_end() {
                break found;
            }
        };
        Some(self.show(found))
    }

    /// Gives up on the rest of the body: what comes from here on are fragments. For whoever finds out that the bytes
    /// themselves are damaged.
    pub fn give_up(&mut self) {
        self.forget_used();
        self.break_off();
    }

    fn step(&mut self, input: &mut &[u8]) -> Option<Found> {
        loop {
            if let Some(found) = self.spilled() {
                return Some(found);
            }
            let found = if self.again.is_empty() {
                if input.is_empty() {
                    return None;
                }
                self.read(input)
            } else {
                self.read_again()
            };
            if found.is_some() {
                return found;
            }
        }
    }

    fn read_again(&mut self) -> Option<Found> {
        let again = std::mem::take(&mut self.again);
        let mut rest = again.get(self.again_at..).unwrap_or_default();
        let found = self.read(&mut rest);
        self.again_at = again.len() - rest.len();
        // Reading them gives lines, which are never read again themselves.
        if self.again_at < again.len() {
            self.again = again;
        }
        found
    }

    /// The next fragment, if there is enough for one.
    fn spilled(&mut self) -> Option<Found> {
        let spill = self.spill?;
        let length = self.buffer.len().min(FRAGMENT_BYTES);
        if length == FRAGMENT_BYTES || (spill.has_ended && (length > 0 || spill.is_first)) {
            self.spill = Some(Spill { is_first: false, ..spill });
            return Some(Found::Fragment(spill, length));
        }
        if spill.has_ended {
            self.spill = None;
        }
        None
    }

    fn show(&mut self, found: Found) -> Split<'_> {
        self.used = self.buffer.len();
        let range = match &found {
            Found::Record(range, _)
            | Found::Header(range)
            | Found::Object(range)
            | Found::Rejected(_, range) => range.clone(),
            Found::Fragment(_, length) => {
                self.used = *length;
                0..*length
            }
            Found::Members(_) => 0..0,
        };
        let bytes = self.buffer.get_mut(range).unwrap_or_default();
        match found {
            Found::Record(_, is_json) => {
                if is_json {
                    one_line(bytes);
                }
                Split::Record(bytes)
            }
            Found::Header(_) => Split::Header(bytes),
            Found::Object(_) => {
                one_line(bytes);
                Split::Object(bytes)
            }
            Found::Members(notice) => Split::Members(notice),
            Found::Rejected(code, _) => Split::Rejected { code, bytes },
            Found::Fragment(Spill { code, is_first, .. }, _) => Split::Fragment { code, is_first, bytes },
        }
    }

    fn forget_used(&mut self) {
        let used = std::mem::take(&mut self.used);
        self.buffer.drain(..used.min(self.buffer.len()));
        if self.buffer.is_empty() && self.buffer.capacity() > BUFFER_KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }
}

/// Line breaks of valid JSON stand between its tokens, where a space means the same.
fn one_line(json: &mut [u8]) {
    for byte in json.iter_mut().filter(|byte| **byte == b'\n' || **byte == b'\r') {
        *byte = b' ';
    }
}
