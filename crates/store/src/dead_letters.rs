//! Dead letters: what was given up, whole, one row per event and consumer.

mod announce;
mod erase;
mod list;
mod matching;
mod record;
mod settle;

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

pub use announce::{mark_announced, unannounced};
pub use erase::{Searchable, erase, searchable};
pub use list::{count, exhausted, find, ids, list, newest_of, open, pages};
pub use record::{Body, NewDeadLetter, complete_at, record};
pub use settle::{discard, mark_replayed};

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Nobody has decided about it yet.
    Dead,
    /// A new event replays it.
    Replayed,
    /// A person decided that it is not needed.
    Discarded,
}

/// Who recorded it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum FoundBy {
    /// The consumer itself, before it terminated the message.
    Verdict,
    /// The recorder, from an advisory of the broker.
    Advisory,
    /// The reconciler, without either.
    Reconciler,
}

impl Status {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which dead letters are meant; absent: all. Absent in every field it means the whole table, which whoever changes
/// something must refuse: see [`Filter::is_empty`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// These.
    pub ids: Option<&'a [Uuid]>,
    /// Of this provider.
    pub provider: Option<&'a str>,
    /// Given up by this consumer.
    pub consumer: Option<&'a str>,
    /// Of this type.
    pub event_type: Option<&'a str>,
    /// In this status.
    pub status: Option<Status>,
    /// With this reason.
    pub reason: Option<&'a str>,
    /// Of this group of failures.
    pub fingerprint: Option<&'a str>,
    /// With this dedup key.
    pub dedup_key: Option<&'a str>,
    /// About this account, lead or snapshot.
    pub subject: Option<&'a str>,
    /// Failed last then or later.
    pub since: Option<OffsetDateTime>,
    /// Failed last before.
    pub until: Option<OffsetDateTime>,
    /// With this text in the body or in the last error, to the letter.
    pub text: Option<&'a str>,
}

impl Filter<'_> {
    /// Whether it chooses nothing in particular. The status alone is no choice.
    pub fn is_empty(&self) -> bool {
        let words = [
            self.provider,
            self.consumer,
            self.event_type,
            self.reason,
            self.fingerprint,
            self.dedup_key,
            self.subject,
            self.text,
        ];
        self.ids.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && words.iter().all(Option::is_none)
    }
}

/// One dead letter without its body and headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its own id, by which lists are ordered.
    pub id: Uuid,
    /// `ce-id` of the event.
    pub event_id: Uuid,
    /// Who gave it up.
    pub consumer: String,
    /// Who sent it.
    pub provider: String,
    /// Path of the endpoint that received it.
    pub source: String,
    /// What happened, in our words.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Equal for every repeat of the event.
    pub dedup_key: String,
    /// Stream that it lies on, or lay on.
    pub stream: String,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// Size of its body; `None`: the body is gone.
    pub body_bytes: Option<i32>,
    /// Media type of its body.
    pub content_type: String,
    /// Times it was handled.
    pub attempts: i32,
    /// Why it was given up, in one word.
    pub reason_code: String,
    /// What the last attempt said.
    pub last_error: Option<String>,
    /// Its group of failures.
    pub fingerprint: String,
    /// When the edge received it.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// When it failed first.
    #[serde(with = "time::serde::rfc3339")]
    pub first_failed_at: OffsetDateTime,
    /// When it failed last.
    #[serde(with = "time::serde::rfc3339")]
    pub last_failed_at: OffsetDateTime,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
    /// The delivery that it came in.
    pub delivery_id: Option<Uuid>,
    /// Who recorded it.
    pub found_by: FoundBy,
    /// What became of it.
    pub status: Status,
    /// The newest event that replays it.
    pub replayed_as: Option<Uuid>,
    /// Why it was discarded.
    pub discard_reason: Option<String>,
    /// When it was replayed or discarded.
    #[serde(with = "time::serde::rfc3339::option")]
    pub settled_at: Option<OffsetDateTime>,
}

/// One dead letter, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// All but body and headers.
    pub letter: Listed,
    /// The exact bytes, that of the claimed object where the message only named one; `None`: gone.
    pub body: Option<Vec<u8>>,
    /// All headers of the message, in the order kept.
    pub headers: Option<Vec<(String, String)>>,
}

/// Everything of a dead letter but the body, as the database gives it.
#[derive(Debug)]
struct Row {
    id: Uuid,
    event_id: Uuid,
    consumer: String,
    provider: String,
    source: String,
    event_type: String,
    subject: Option<String>,
    dedup_key: String,
    stream: String,
    stream_subject: String,
    stream_sequence: i64,
    body_bytes: Option<i32>,
    content_type: String,
    attempts: i32,
    reason_code: String,
    last_error: Option<String>,
    fingerprint: String,
    received_at: OffsetDateTime,
    first_failed_at: OffsetDateTime,
    last_failed_at: OffsetDateTime,
    trace_id: Option<String>,
    delivery_id: Option<Uuid>,
    found_by: FoundBy,
    status: Status,
    replayed_as: Option<Uuid>,
    discard_reason: Option<String>,
    settled_at: Option<OffsetDateTime>,
    body: Option<Vec<u8>>,
    headers: Option<serde_json::Value>,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        let letter = Listed {
            id: row.id,
            event_id: row.event_id,
            consumer: row.consumer,
            provider: row.provider,
            source: row.source,
            event_type: row.event_type,
            subject: row.subject,
            dedup_key: row.dedup_key,
            stream: row.stream,
            stream_subject: row.stream_subject,
            stream_sequence: row.stream_sequence,
            body_bytes: row.body_bytes,
            content_type: row.content_type,
            attempts: row.attempts,
            reason_code: row.reason_code,
            last_error: row.last_error,
            fingerprint: row.fingerprint,
            received_at: row.received_at,
            first_failed_at: row.first_failed_at,
            last_failed_at: row.last_failed_at,
            trace_id: row.trace_id,
            delivery_id: row.delivery_id,
            found_by: row.found_by,
            status: row.status,
            replayed_as: row.replayed_as,
            discard_reason: row.discard_reason,
            settled_at: row.settled_at,
        };
        let headers = row.headers.and_then(|headers| serde_json::from_value(headers).ok());
        Self { letter, body: row.body, headers }
    }
}
