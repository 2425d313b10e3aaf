//! From the bytes of a snapshot to the events that the edge would make of the same bytes.

use std::collections::BTreeMap;

use bus::Event;
use bytes::Bytes;
use contract::{
    Envelope, EventId,
    brightdata::{
        DELIVERY, FORMAT_JSON, Group, Groups, Limits, NOTIFY, Splitter, TYPE_EMPTY, TYPE_NOTIFY,
        content_type, empty_key, notify_key,
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
    about: About,
    splitter: Splitter,
    groups: Groups,
    /// Set at the end of a snapshot without records.
    is_empty: bool,
}

impl Assembler {
    pub(crate) fn new(about: About, limits: Limits, record_max_bytes: usize) -> Self {
        // There is no CSV, for we ask for JSON.
        let (splitter, groups) = (Splitter::new(record_max_bytes, false), Groups::new(limits));
        Self { about, splitter, groups, is_empty: false }
    }

    /// Takes some bytes, until there is an event or all of them are taken.
    pub(crate) fn take(&mut self, input: &mut &[u8]) -> Option<Event> {
        loop {
            if let Some(event) = self.next() {
                return Some(event);
            }
            let split = self.splitter.next(input)?;
            // A snapshot holds records only: its one object is a record too, and members of a wrapper say what we asked.
            self.groups.take(&split);
        }
    }

    /// The snapshot is complete.
    pub(crate) fn end(&mut self) {
        while let Some(split) = self.splitter.end() {
            self.groups.take(&split);
        }
        self.groups.finish();
        self.is_empty = self.counts() == (0, 0);
    }

    /// The next event that is complete.
    pub(crate) fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_empty) {
            return Some(self.about.empty(self.groups.empty()));
        }
        self.groups.pop().map(|group| self.about.part(group))
    }

    /// Records, and what is none.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.groups.records(), self.groups.rejected())
    }
}

impl About {
    fn part(&self, group: Group) -> Event {
        let mut event = self.event(group.token(), group.event_type(), group.format);
        event.envelope.dedup_key = group.dedup_key(Some(&self.snapshot_id));
        event.envelope.rejected = group.rejected;
        event.envelope.extensions.insert("part", group.mark.to_string());
        event.payload = group.payload.into();
        event
    }

    fn empty(&self, payload: Vec<u8>) -> Event {
        let mut event = self.event(DELIVERY, TYPE_EMPTY, FORMAT_JSON);
        event.envelope.dedup_key = empty_key(Some(&self.snapshot_id), &payload);
        event.payload = payload.into();
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
                content_type: content_type(format).to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The same keys as `contract::brightdata` has for this body, and the edge for a delivery of it.
    #[test]
    fn the_keys_of_a_known_body_are_those_of_a_delivered_one() {
        let about = About {
            snapshot_id: "s_1".to_owned(),
            extensions: BTreeMap::new(),
            delivery_id: Uuid::nil(),
            received_at: OffsetDateTime::UNIX_EPOCH,
        };
        let mut assembler = Assembler::new(about, Limits { records: 3, bytes: 4_000 }, 100_000);
        let mut events = Vec::new();
        for mut piece in br#"[{"id":1}, 7,{ "id": 2}, nul]"#.chunks(5) {
            events.extend(std::iter::from_fn(|| assembler.take(&mut piece)));
            assert!(piece.is_empty());
        }
        assembler.end();
        events.extend(std::iter::from_fn(|| assembler.next()));
        assert_eq!(
            events.iter().map(|event| event.envelope.dedup_key.as_str()).collect::<Vec<_>>(),
            [
                "bd:s_1:1:24aa28db84069a65f9ee0170a70b378e",
                "bd:s_1:malformed:1:7902699be42c8a8e46fbbb4501726517",
                "bd:s_1:malformed:2:99e6242759016035192f8efe5f53878a",
            ]
        );
    }
}
