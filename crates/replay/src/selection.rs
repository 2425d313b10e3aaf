//! What was asked for.

use serde_json::{Value, json};
use store::{
    dead_letters,
    webhook_events::{self},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Which events are to be published again.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// Events of the ledger; every consumer sees their replays.
    Events(webhook_events::Filter<'a>),
    /// Dead letters; the consumer that gave each up sees its replay.
    Letters(dead_letters::Filter<'a>),
}

impl Selection<'_> {
    /// Whether it chooses nothing in particular.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Events(filter) => filter.is_empty(),
            Self::Letters(filter) => filter.is_empty(),
        }
    }

    /// The ids that are asked for by name.
    pub(crate) fn ids(&self) -> Option<&[Uuid]> {
        match self {
            Self::Events(filter) => filter.ids,
            Self::Letters(filter) => filter.ids,
        }
    }

    /// The selection in words, for the job's record.
    pub fn document(&self) -> Value {
        let at = |instant: Option<OffsetDateTime>| instant.and_then(|instant| instant.format(&Rfc3339).ok());
        let mut document = match self {
            Self::Events(filter) => json!({
                "of": "events", "ids": filter.ids, "status": filter.status, "provider": filter.provider,
                "type": filter.event_type, "subject": filter.subject, "reason": filter.reason,
                "key": filter.dedup_key, "group": filter.group, "since": at(filter.since),
                "until": at(filter.until), "text": filter.text,
            }),
            Self::Letters(filter) => json!({
                "of": "dead_letters", "ids": filter.ids, "status": filter.status, "provider": filter.provider,
                "consumer": filter.consumer, "type": filter.event_type, "subject": filter.subject,
                "reason": filter.reason, "key": filter.dedup_key, "group": filter.fingerprint,
                "since": at(filter.since), "until": at(filter.until), "text": filter.text,
            }),
        };
        if let Value::Object(members) = &mut document {
            members.retain(|_, value| !value.is_null());
        }
        document
    }
}
