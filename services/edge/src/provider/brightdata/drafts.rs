//! From what the splitter finds to events.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::brightdata::{
    Body, DELIVERY, FORMAT_JSON, Group, Groups, Limits, NO_RECORDS, NOTIFY, Notice, REFERENCE, Split, TEST,
    TYPE_EMPTY, TYPE_FOREIGN, TYPE_NOTIFY, TYPE_PART, TYPE_REFERENCE, TYPE_TEST, empty_key, notify_key,
    reference_key,
};
use uuid::Uuid;

use super::about::About;
use crate::provider::Draft;

/// How much of a wrapper's records may wait for the snapshot's id, which may stand behind them.
const HOLD_BYTES: usize = 64 * 1024;
/// Longer words about a job travel in the body alone.
const STATUS_MAX_BYTES: usize = 128;

/// Makes events of the groups of a delivery, and of what is said about a job instead.
pub(super) struct Drafts {
    pub(super) about: About,
    pub(super) groups: Groups,
    /// What was said of the job.
    pub(super) notice: Option<Notice>,
    delivery_id: Uuid,
    /// Whether it came to the notifications' endpoint.
    notifications: bool,
    /// Waits for the snapshot's id.
    is_holding: bool,
    held: Vec<Group>,
    bytes: usize,
    ready: VecDeque<Draft>,
}

impl Drafts {
    pub(super) fn new(about: About, delivery_id: Uuid, notifications: bool, limits: Limits) -> Self {
        Self {
            about,
            groups: Groups::new(limits),
            notice: None,
            delivery_id,
            notifications,
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

    pub(super) fn take(&mut self, split: &Split<'_>) {
        match split {
            Split::Object(object) if self.control(object, true) => {}
            // Several notifications may come in one array, or one a line.
            Split::Record(record) if self.notifications && self.control(record, false) => {}
            Split::Members(notice) => {
                self.about.learn(notice);
                // Only a wrapper's own members can still tell, and only while few of its records have come.
                self.is_holding = self.about.snapshot_id.is_none() && self.bytes < HOLD_BYTES;
                self.release();
            }
            other => {
                self.count(other.bytes());
                self.groups.take(other);
                self.collect();
            }
        }
    }

    /// The body is complete.
    pub(super) fn finish(&mut self) {
        self.groups.finish();
        self.collect();
        self.is_holding = false;
        self.release();
        if self.groups.records() + self.groups.rejected() == 0 && self.notice.is_none() {
            let draft = if self.notifications { self.silent() } else { self.empty() };
            self.ready.push_back(draft);
        }
    }

    /// Makes an event of an object that is no record; of an element among others only where it cannot be one.
    fn control(&mut self, object: &[u8], is_alone: bool) -> bool {
        let text = std::str::from_utf8(object).unwrap_or_default();
        let (token, event_type, notice) = match Body::of(text, self.notifications && is_alone) {
            Body::Notify(notice) => (NOTIFY, TYPE_NOTIFY, notice),
            Body::Test(notice) if is_alone => (TEST, TYPE_TEST, notice),
            Body::Reference(notice) if is_alone => (REFERENCE, TYPE_REFERENCE, notice),
            _ => return false,
        };
        let mut about = self.about.clone();
        about.learn(&notice);
        let snapshot_id = about.snapshot_id.as_deref();
        let dedup_key = match token {
            // Every press of the button is to be seen.
            TEST => format!("bd:test:{}", self.delivery_id),
            NOTIFY => notify_key(snapshot_id, notice.status.as_deref(), object),
            _ => reference_key(snapshot_id, object),
        };
        let draft = about.draft(token, event_type, FORMAT_JSON, dedup_key, Bytes::copy_from_slice(object));
        let status = notice.status.clone().filter(|word| word.len() <= STATUS_MAX_BYTES);
        self.ready.push_back(Draft { action: status.clone(), ..draft });
        if is_alone {
            self.about = about;
        }
        self.notice = Some(Notice { status, ..notice });
        true
    }

    /// A job that found nothing is news too.
    fn empty(&self) -> Draft {
        let payload = self.groups.empty();
        let dedup_key = match self.about.snapshot_id.as_deref() {
            Some(id) => empty_key(Some(id), &payload),
            // Nothing tells two of them apart.
            None => empty_key(None, self.delivery_id.as_bytes()),
        };
        self.about.draft(DELIVERY, TYPE_EMPTY, FORMAT_JSON, dedup_key, payload.into())
    }

    /// A notification that says nothing is no delivery without records, after which nobody would look for the data.
    fn silent(&self) -> Draft {
        let dedup_key = notify_key(self.about.snapshot_id.as_deref(), None, NO_RECORDS);
        self.about.draft(NOTIFY, TYPE_NOTIFY, FORMAT_JSON, dedup_key, Bytes::from_static(NO_RECORDS))
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

    fn collect(&mut self) {
        while let Some(group) = self.groups.pop() {
            if self.is_holding {
                self.held.push(group);
            } else {
                self.ready.push_back(self.about.event(group));
            }
        }
    }

    fn release(&mut self) {
        if !self.is_holding {
            let held = std::mem::take(&mut self.held);
            self.ready.extend(held.into_iter().map(|group| self.about.event(group)));
        }
    }
}

impl About {
    fn event(&self, group: Group) -> Draft {
        let dedup_key = group.dedup_key(self.snapshot_id.as_deref());
        let event_type = match group.event_type() {
            TYPE_PART if self.is_foreign => TYPE_FOREIGN,
            other => other,
        };
        let Group { mark, rejected, format, .. } = group;
        let mut draft = self.draft(group.token(), event_type, format, dedup_key, Bytes::new());
        draft.extensions.insert("part", mark.to_string());
        Draft { rejected, payload: group.payload.into(), ..draft }
    }

    fn draft(
        &self,
        token: &'static str,
        event_type: &'static str,
        format: &'static str,
        dedup_key: String,
        payload: Bytes,
    ) -> Draft {
        Draft {
            token,
            event_type,
            subject: self.snapshot_id.clone(),
            dedup_key,
            action: None,
            rejected: None,
            extensions: self.extensions(format),
            payload,
        }
    }
}
