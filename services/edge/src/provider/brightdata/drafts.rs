//! From what the splitter finds to events.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::{
    Code,
    brightdata::{self, Body, Limits, Notice, Part, Parts, Split},
};
use uuid::Uuid;

use super::about::About;
use crate::provider::Draft;

/// How much of a wrapper's records may wait for the snapshot's id, which may stand behind them.
const HOLD_BYTES: usize = 64 * 1024;
/// Stands for a body without records.
const NO_RECORDS: &[u8] = b"[]";

/// What became of a body, for the answer.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) records: usize,
    pub(super) parts: usize,
    pub(super) rejected: usize,
    /// The body held no records, but words about them.
    pub(super) notice: Option<Notice>,
    pub(super) is_test_body: bool,
}

/// Groups records into parts, and parts into events.
pub(super) struct Drafts {
    pub(super) about: About,
    pub(super) seen: Seen,
    delivery_id: Uuid,
    /// Whether it came to the notifications' endpoint.
    notifications: bool,
    limits: Limits,
    parts: Parts,
    header: Option<Vec<u8>>,
    /// Elements that are no records, and what is wrong with them.
    bad: Parts,
    bad_code: Option<Code>,
    bad_number: u64,
    /// Waits for the snapshot's id.
    is_holding: bool,
    held: Vec<Found>,
    bytes: usize,
    ready: VecDeque<Draft>,
}

enum Found {
    Part(Part),
    Bad { code: Code, format: &'static str, payload: Vec<u8> },
}

impl Drafts {
    pub(super) fn new(about: About, delivery_id: Uuid, notifications: bool, limits: Limits) -> Self {
        Self {
            about,
            seen: Seen::default(),
            delivery_id,
            notifications,
            limits,
            parts: Parts::new(limits),
            header: None,
            bad: Parts::new(limits),
            bad_code: None,
            bad_number: 0,
            is_holding: false,
            held: Vec::new(),
            bytes: 0,
            ready: VecDeque::new(),
        }
    }

    pub(super) fn next(&mut self) -> Option<Draft> {
        self.ready.pop_front()
    }

    pub(super) fn has_some(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn take(&mut self, split: Split<'_>) {
        match split {
            Split::Record(record) => self.record(record),
            Split::Header(header) => {
                self.parts.set_header(header);
                self.header = Some(header.to_owned());
            }
            Split::Object(object) => self.object(object),
            Split::Members(members) => {
                self.about.learn(&members);
                // Only a wrapper's own members can still tell, and only while few of its records have come.
                self.is_holding = self.about.snapshot_id.is_none() && self.bytes < HOLD_BYTES;
                self.release();
            }
            Split::Rejected { code, bytes } => self.reject(code, bytes),
            Split::Fragment { code, is_first, bytes } => {
                self.seen.rejected += usize::from(is_first);
                self.count(bytes);
                self.flush_bad();
                let format = brightdata::FORMAT_RAW;
                self.found(Found::Bad { code, format, payload: bytes.to_owned() });
            }
        }
    }

    /// The body is complete.
    pub(super) fn finish(&mut self) {
        if let Some(part) = self.parts.finish() {
            self.found(Found::Part(part));
        }
        self.flush_bad();
        self.is_holding = false;
        self.release();
        if self.seen.records + self.seen.rejected == 0 && self.seen.notice.is_none() {
            self.empty();
        }
    }

    fn record(&mut self, record: &[u8]) {
        self.seen.records += 1;
        self.count(record);
        if let Some(part) = self.parts.push(record) {
            self.found(Found::Part(part));
        }
    }

    fn reject(&mut self, code: Code, bytes: &[u8]) {
        self.seen.rejected += 1;
        self.count(bytes);
        if bytes.len() > self.limits.bytes {
            self.flush_bad();
            for piece in bytes.chunks(self.limits.bytes) {
                self.found(Found::Bad { code, format: brightdata::FORMAT_RAW, payload: piece.to_owned() });
            }
            return;
        }
        if self.bad_code != Some(code) {
            self.flush_bad();
            self.bad_code = Some(code);
        }
        if let Some(part) = self.bad.push(bytes) {
            self.found(Found::Bad { code, format: brightdata::FORMAT_NDJSON, payload: part.payload });
        }
    }

    fn flush_bad(&mut self) {
        let bad = std::mem::replace(&mut self.bad, Parts::new(self.limits)).finish();
        if let (Some(part), Some(code)) = (bad, self.bad_code) {
            self.found(Found::Bad { code, format: brightdata::FORMAT_NDJSON, payload: part.payload });
        }
    }

    fn object(&mut self, object: &[u8]) {
        let text = std::str::from_utf8(object).unwrap_or_default();
        let (token, event_type, notice) = match Body::of(text, self.notifications) {
            Body::Record => return self.record(object),
            Body::Test(notice) => (brightdata::TEST, brightdata::TYPE_TEST, notice),
            Body::Notify(notice) => (brightdata::NOTIFY, brightdata::TYPE_NOTIFY, notice),
            Body::Reference(notice) => (brightdata::REFERENCE, brightdata::TYPE_REFERENCE, notice),
        };
        if let Ok(members) = serde_json::from_str(text) {
            self.about.learn(&members);
        }
        let snapshot_id = self.about.snapshot_id.as_deref();
        let is_test = token == brightdata::TEST;
        let dedup_key = match token {
            // Every press of the button is to be seen.
            brightdata::TEST => format!("bd:test:{}", self.delivery_id),
            brightdata::NOTIFY => brightdata::notify_key(snapshot_id, notice.status.as_deref(), object),
            _ => brightdata::reference_key(snapshot_id, object),
        };
        self.seen.is_test_body = is_test;
        self.about.is_test |= is_test;
        let draft = Draft {
            token,
            event_type,
            subject: self.about.snapshot_id.clone(),
            dedup_key,
            action: notice.status.clone().filter(|word| word.len() <= 128),
            rejected: None,
            extensions: self.about.extensions(brightdata::FORMAT_JSON),
            payload: Bytes::copy_from_slice(object),
        };
        self.seen.notice = Some(notice);
        self.ready.push_back(draft);
    }

    /// A job that found nothing is news too.
    fn empty(&mut self) {
        let payload = self.header.take().unwrap_or_else(|| NO_RECORDS.to_owned());
        let snapshot_id = self.about.snapshot_id.as_deref();
        let dedup_key = match snapshot_id {
            Some(_) => brightdata::empty_key(snapshot_id, &payload),
            // Nothing tells two of them apart.
            None => brightdata::empty_key(None, self.delivery_id.as_bytes()),
        };
        self.ready.push_back(Draft {
            token: brightdata::DELIVERY,
            event_type: brightdata::TYPE_EMPTY,
            subject: self.about.snapshot_id.clone(),
            dedup_key,
            action: None,
            rejected: None,
            extensions: self.about.extensions(brightdata::FORMAT_JSON),
            payload: payload.into(),
        });
    }

    /// Counts bytes, and ends the wait for the snapshot's id where it takes too long: by what has been read, never by
    /// the clock, so that a repeat comes to the same.
    fn count(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.is_holding && self.bytes >= HOLD_BYTES {
            self.is_holding = false;
            self.release();
        }
    }

    fn found(&mut self, found: Found) {
        if self.is_holding {
            self.held.push(found);
        } else {
            let draft = self.draft(found);
            self.ready.push_back(draft);
        }
    }

    fn release(&mut self) {
        if !self.is_holding {
            for found in std::mem::take(&mut self.held) {
                let draft = self.draft(found);
                self.ready.push_back(draft);
            }
        }
    }

    fn draft(&mut self, found: Found) -> Draft {
        let snapshot_id = self.about.snapshot_id.as_deref();
        match found {
            Found::Part(part) => {
                self.seen.parts += 1;
                let format =
                    if self.header.is_some() { brightdata::FORMAT_CSV } else { brightdata::FORMAT_NDJSON };
                let mut extensions = self.about.extensions(format);
                extensions.insert("part", part.mark().to_string());
                let is_foreign = self.about.is_foreign;
                Draft {
                    token: brightdata::DELIVERY,
                    event_type: if is_foreign { brightdata::TYPE_FOREIGN } else { brightdata::TYPE_PART },
                    subject: self.about.snapshot_id.clone(),
                    dedup_key: brightdata::part_key(snapshot_id, part.number, &part.payload),
                    action: None,
                    rejected: None,
                    extensions,
                    payload: part.payload.into(),
                }
            }
            Found::Bad { code, format, payload } => {
                self.bad_number += 1;
                let mut extensions = self.about.extensions(format);
                extensions.insert("part", self.bad_number.to_string());
                Draft {
                    token: brightdata::MALFORMED,
                    event_type: brightdata::TYPE_MALFORMED,
                    subject: self.about.snapshot_id.clone(),
                    dedup_key: brightdata::malformed_key(snapshot_id, self.bad_number, &payload),
                    action: None,
                    rejected: Some(code),
                    extensions,
                    payload: payload.into(),
                }
            }
        }
    }
}
