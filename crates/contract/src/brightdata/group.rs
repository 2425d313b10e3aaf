//! What a splitter finds, grouped into the events that it becomes: at the edge, and where a lost delivery is fetched.

use std::collections::VecDeque;

use super::{
    DELIVERY, FORMAT_CSV, FORMAT_NDJSON, FORMAT_RAW, Limits, MALFORMED, PartMark, Split, TYPE_MALFORMED,
    TYPE_PART, malformed_key,
    part::{Part, Parts},
    part_key,
};
use crate::Code;

/// Some of a delivery, next to one another: one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its place among the groups of records, or among those of what is none.
    pub mark: PartMark,
    /// What is wrong with all of it; `None`: it is records.
    pub rejected: Option<Code>,
    /// One of the `FORMAT_` words.
    pub format: &'static str,
    /// The bytes: records or what is none, one a line; of CSV, after the header row; or a piece of what is broken.
    pub payload: Vec<u8>,
}

impl Group {
    /// The last part of its subject.
    pub fn token(&self) -> &'static str {
        if self.rejected.is_none() { DELIVERY } else { MALFORMED }
    }

    /// Its `ce-type`.
    pub fn event_type(&self) -> &'static str {
        if self.rejected.is_none() { TYPE_PART } else { TYPE_MALFORMED }
    }

    /// Equal for every repeat of the delivery.
    pub fn dedup_key(&self, snapshot_id: Option<&str>) -> String {
        let key = if self.rejected.is_none() { part_key } else { malformed_key };
        key(snapshot_id, self.mark.number, &self.payload)
    }
}

/// Groups the records of one delivery, and what is none.
#[derive(Debug)]
pub struct Groups {
    limits: Limits,
    parts: Parts,
    records: usize,
    header: Option<Vec<u8>>,
    /// Elements that are no records, by what is wrong with them: however they alternate, they make few groups
    /// (`what_is_wrong_in_two_ways_by_turns_makes_two_groups`).
    bad: Vec<(Code, Parts)>,
    bad_number: u64,
    rejected: usize,
    ready: VecDeque<Group>,
}

impl Groups {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            parts: Parts::new(limits),
            records: 0,
            header: None,
            bad: Vec::new(),
            bad_number: 0,
            rejected: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes what was found. An object alone is taken for a record; the members of a wrapper are none of ours.
    pub fn take(&mut self, split: &Split<'_>) {
        match split {
            Split::Record(record) | Split::Object(record) => self.record(record),
            Split::Header(header) => {
                self.parts.set_header(header);
                self.header = Some(header.to_vec());
            }
            Split::Members(_) => {}
            Split::Rejected { code, bytes } => self.reject(*code, bytes),
            Split::Fragment { code, is_first, bytes } => {
                self.rejected += usize::from(*is_first);
                self.malformed(*code, FORMAT_RAW, bytes.to_vec());
            }
        }
    }

    /// The delivery is complete.
    pub fn finish(&mut self) {
        if let Some(part) = self.parts.finish() {
            self.part(part);
        }
        for (code, mut bad) in std::mem::take(&mut self.bad) {
            if let Some(part) = bad.finish() {
                self.malformed(code, FORMAT_NDJSON, part.payload);
            }
        }
    }

    /// The next group that is complete.
    pub fn pop(&mut self) -> Option<Group> {
        self.ready.pop_front()
    }

    /// Records so far.
    pub fn records(&self) -> usize {
        self.records
    }

    /// What was no record so far.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// How many groups of records there were so far.
    pub fn parts(&self) -> u64 {
        self.parts.number()
    }

    /// What stands for the delivery if nothing was in it: its header row, or `[]`.
    pub fn empty(&self) -> Vec<u8> {
        self.header.clone().unwrap_or_else(|| super::NO_RECORDS.to_vec())
    }

    fn record(&mut self, record: &[u8]) {
        self.records += 1;
        if let Some(part) = self.parts.push(record) {
            self.part(part);
        }
    }

    fn reject(&mut self, code: Code, bytes: &[u8]) {
        self.rejected += 1;
        // What would not be one line among others is by itself.
        if bytes.len() > self.limits.bytes || bytes.contains(&b'\n') {
            for piece in bytes.chunks(self.limits.bytes) {
                self.malformed(code, FORMAT_RAW, piece.to_vec());
            }
            return;
        }
        let at = self.bad.iter().position(|(other, _)| *other == code).unwrap_or(self.bad.len());
        if at == self.bad.len() {
            self.bad.push((code, Parts::new(self.limits)));
        }
        if let Some(part) = self.bad.get_mut(at).and_then(|(_, parts)| parts.push(bytes)) {
            self.malformed(code, FORMAT_NDJSON, part.payload);
        }
    }

    fn part(&mut self, Part { mark, payload }: Part) {
        let format = if self.header.is_some() { FORMAT_CSV } else { FORMAT_NDJSON };
        self.ready.push_back(Group { mark, rejected: None, format, payload });
    }

    fn malformed(&mut self, code: Code, format: &'static str, payload: Vec<u8>) {
        self.bad_number += 1;
        let mark = PartMark { number: self.bad_number, is_last: false };
        self.ready.push_back(Group { mark, rejected: Some(code), format, payload });
    }
}
