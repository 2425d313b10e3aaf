//! Elements grouped into parts, each bounded in number and bytes.

use std::{fmt, str::FromStr};

/// How large a part may be. A record that alone is larger is a part of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records in one part, at most.
    pub records: usize,
    /// Bytes of one part, at most.
    pub bytes: usize,
}

/// Value of the extension `part`: `3`, and of the last one `7/7`. Who has seen the last one knows how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartMark {
    /// Its place in the delivery, from 1.
    pub number: u64,
    /// Whether it is the delivery's last one.
    pub is_last: bool,
}

impl fmt::Display for PartMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, is_last } = self;
        if *is_last { write!(f, "{number}/{number}") } else { write!(f, "{number}") }
    }
}

impl FromStr for PartMark {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, is_last) = match text.split_once('/') {
            Some((number, _)) => (number, true),
            None => (text, false),
        };
        Ok(Self { number: number.parse()?, is_last })
    }
}

/// Some elements, next to one another.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) mark: PartMark,
    /// The elements, one a line; of CSV, after the header row.
    pub(super) payload: Vec<u8>,
}

/// Groups elements. A part is complete when the next record does not fit, so that the last one is known to be the last.
#[derive(Debug)]
pub(super) struct Parts {
    limits: Limits,
    /// Row that every part begins with.
    header: Vec<u8>,
    payload: Vec<u8>,
    records: usize,
    number: u64,
}

impl Parts {
    /// No records yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, header: Vec::new(), payload: Vec::new(), records: 0, number: 0 }
    }

    /// Begins every part with this row.
    pub(super) fn set_header(&mut self, header: &[u8]) {
        header.clone_into(&mut self.header);
    }

    /// Adds a record; gives the part before it, if that is complete.
    pub(super) fn push(&mut self, record: &[u8]) -> Option<Part> {
        let fits = self.records < self.limits.records
            && self.payload.len().saturating_add(record.len() + 1) <= self.limits.bytes;
        let complete = if self.records == 0 || fits { None } else { self.take(false) };
        if self.records == 0 && !self.header.is_empty() {
            self.payload.extend_from_slice(&self.header);
        }
        if !self.payload.is_empty() {
            self.payload.push(b'\n');
        }
        self.payload.extend_from_slice(record);
        self.records += 1;
        complete
    }

    /// How many parts there were so far.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The last part.
    pub(super) fn finish(&mut self) -> Option<Part> {
        self.take(true)
    }

    fn take(&mut self, is_last: bool) -> Option<Part> {
        if self.records == 0 {
            return None;
        }
        self.number += 1;
        self.records = 0;
        let mark = PartMark { number: self.number, is_last };
        Some(Part { mark, payload: std::mem::take(&mut self.payload) })
    }
}
