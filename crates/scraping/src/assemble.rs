//! From the bytes of a snapshot to the events that the edge would make of the same bytes.

use std::collections::{BTreeMap, VecDeque};

use bus::Event;
use bytes::Bytes;
use contract::{
    Code, Envelope, EventId,
    brightdata::{
        DELIVERY, FORMAT_JSON, FORMAT_NDJSON, FORMAT_RAW, Limits, MALFORMED, NOTIFY, Part, Parts, Split,
        Splitter, TYPE_EMPTY, TYPE_MALFORMED, TYPE_NOTIFY, TYPE_PART, empty_key, malformed_key, notify_key,
        part_key,
    },
    stream::{
        brightdata::{PROVIDER, STREAM},
        ingest_subject,
    },
};
use time::OffsetDateTime;
use uuid::Uuid;

/// Where these events entered.
const SOURCE: &str = "/datasets/v3/snapshot";

/// What all events of a snapshot share.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) snapshot_id: String,
    /// `platform`, `kind` and `dataset`, as far as they are known.
    pub(crate) extensions: BTreeMap<&'static str, String>,
    pub(crate) delivery_id: Uuid,
    pub(crate) received_at: OffsetDateTime,
}

/// Cuts a snapshot into events while it arrives.
pub(crate) struct Assembler {
    splitter: Splitter,
    groups: Groups,
}

/// What was cut out, on its way to events.
struct Groups {
    about: About,
    limits: Limits,
    parts: Parts,
    /// Elements that are no records, and what is wrong with them.
    bad: Parts,
    bad_code: Option<Code>,
    bad_number: u64,
    records: usize,
    rejected: usize,
    ready: VecDeque<Event>,
}

impl Assembler {
    pub(crate) fn new(about: About, limits: Limits, record_max_bytes: usize) -> Self {
        let groups = Groups {
            about,
            limits,
            parts: Parts::new(limits),
            bad: Parts::new(limits),
            bad_code: None,
            bad_number: 0,
            records: 0,
            rejected: 0,
            ready: VecDeque::new(),
        };
        Self { splitter: Splitter::new(record_max_bytes, false), groups }
    }

    /// Takes some bytes, until there is an event or all of them are taken.
    pub(crate) fn take(&mut self, input: &mut &[u8]) {
        while self.groups.ready.is_empty() {
            let Some(split) = self.splitter.next(input) else { return };
            self.groups.add(&split);
        }
    }

    /// The snapshot is complete.
    pub(crate) fn end(&mut self) {
        while let Some(split) = self.splitter.end() {
            self.groups.add(&split);
        }
        self.groups.finish();
    }

    pub(crate) fn next(&mut self) -> Option<Event> {
        self.groups.ready.pop_front()
    }

    /// Records, and what is none.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.groups.records, self.groups.rejected)
    }
}

impl Groups {
    fn add(&mut self, split: &Split<'_>) {
        match split {
            // A snapshot holds records only: its one object is a record too.
            Split::Record(record) | Split::Object(record) => {
                self.records += 1;
                if let Some(part) = self.parts.push(record) {
                    self.ready.push_back(self.about.part(part));
                }
            }
            // Members of a wrapper say what we asked for; there is no CSV, for we ask for JSON.
            Split::Members(_) | Split::Header(_) => {}
            Split::Rejected { code, bytes } => {
                self.rejected += 1;
                if self.bad_code != Some(*code) {
                    self.flush_bad();
                    self.bad_code = Some(*code);
                }
                if let Some(part) = self.bad.push(bytes) {
                    self.malformed(*code, FORMAT_NDJSON, part.payload);
                }
            }
            Split::Fragment { code, is_first, bytes } => {
                self.rejected += usize::from(*is_first);
                self.flush_bad();
                self.malformed(*code, FORMAT_RAW, bytes.to_vec());
            }
        }
    }

    fn finish(&mut self) {
        if let Some(part) = self.parts.finish() {
            self.ready.push_back(self.about.part(part));
        }
        self.flush_bad();
        if self.records + self.rejected == 0 {
            self.ready.push_back(self.about.empty());
        }
    }

    fn flush_bad(&mut self) {
        let bad = std::mem::replace(&mut self.bad, Parts::new(self.limits)).finish();
        if let (Some(part), Some(code)) = (bad, self.bad_code) {
            self.malformed(code, FORMAT_NDJSON, part.payload);
        }
    }

    fn malformed(&mut self, code: Code, format: &'static str, payload: Vec<u8>) {
        self.bad_number += 1;
        self.ready.push_back(self.about.malformed(code, self.bad_number, format, payload));
    }
}

impl About {
    fn part(&self, part: Part) -> Event {
        let mut event = self.event(DELIVERY, TYPE_PART, FORMAT_NDJSON);
        event.envelope.dedup_key = part_key(Some(&self.snapshot_id), part.number, &part.payload);
        event.envelope.extensions.insert("part", part.mark().to_string());
        event.payload = part.payload.into();
        event
    }

    fn malformed(&self, code: Code, number: u64, format: &str, payload: Vec<u8>) -> Event {
        let mut event = self.event(MALFORMED, TYPE_MALFORMED, format);
        event.envelope.dedup_key = malformed_key(Some(&self.snapshot_id), number, &payload);
        event.envelope.extensions.insert("part", number.to_string());
        event.envelope.rejected = Some(code);
        event.payload = payload.into();
        event
    }

    fn empty(&self) -> Event {
        const NO_RECORDS: &[u8] = b"[]";
        let mut event = self.event(DELIVERY, TYPE_EMPTY, FORMAT_JSON);
        event.envelope.dedup_key = empty_key(Some(&self.snapshot_id), NO_RECORDS);
        event.payload = Bytes::from_static(NO_RECORDS);
        event
    }

    /// The word that a job has come to this status, under the key of the notification that did not come.
    pub(crate) fn word(&self, status: &str, body: Vec<u8>) -> Event {
        let mut event = self.event(NOTIFY, TYPE_NOTIFY, FORMAT_JSON);
        event.envelope.dedup_key = notify_key(Some(&self.snapshot_id), Some(status), &body);
        event.envelope.action = Some(status.to_owned());
        event.payload = body.into();
        event
    }

    fn event(&self, token: &str, event_type: &str, format: &str) -> Event {
        let mut extensions = self.extensions.clone();
        extensions.insert("format", format.to_owned());
        Event {
            stream: STREAM,
            subject: ingest_subject(PROVIDER, token),
            envelope: Envelope {
                id: EventId::generate(),
                source: SOURCE.to_owned(),
                event_type: event_type.to_owned(),
                subject: Some(self.snapshot_id.clone()),
                time: self.received_at,
                content_type: "application/json".to_owned(),
                dedup_key: String::new(),
                delivery_id: Some(self.delivery_id),
                action: None,
                rejected: None,
                replayed_from: None,
                extensions,
            },
            payload: Bytes::new(),
        }
    }
}
