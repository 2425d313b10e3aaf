//! The ledger: one row per event that a consumer has seen, and what became of it.

mod admit;
mod attempts;
mod bury;
mod claims;
mod completed;
mod erase;
mod kept;
mod list;
mod matching;
mod of_leads;
mod positions;
mod record;
mod unknown;

use std::{borrow::Cow, collections::HashSet, fmt};

use contract::Envelope;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::storable};

pub use admit::{Admitted, admit};
pub use attempts::{Attempts, attempts, begin, release};
pub use bury::{Abandoned, Fate, Grave, bury};
pub use claims::{open_claims, unnamed_claims};
pub use completed::completed;
pub use erase::{Body, bodies, erase, positions, tombstones};
pub use kept::{Kept, kept, kept_at, stuck};
pub use list::{Cursor, Filter, Listed, StatusCount, Stored, count_by_status, find, ids, list};
pub use of_leads::{bodies_of, of_leads};
pub use positions::{Gap, Stretch, Tally, gaps, highest_above, repeats_at, statuses, tally};
pub(crate) use record::ERROR_MAX_BYTES;
pub use record::{Buried, Reason, record_dead, record_failed};
pub use unknown::unknown_keys;

/// Longest dedup key and lead id, in bytes: what an index of PostgreSQL can hold, with room for its other column.
pub const KEY_MAX_BYTES: usize = 1_024;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Seen, not handled yet.
    Received,
    /// Being handled by a consumer that commits in steps.
    Processing,
    /// Its effects are in the database.
    Completed,
    /// The last attempt failed; there will be another.
    Failed,
    /// Given up; only a replay can still bring it in.
    DeadLetter,
}

impl Status {
    /// The word in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::DeadLetter => "dead_letter",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event as a consumer holds it.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Who sent it.
    pub provider: &'a str,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// The provider's own bytes.
    pub body: &'a [u8],
    /// The lead that it is about, if it is about one.
    pub lead_id: Option<&'a str>,
    /// When the provider changed what it is about, if it says so.
    pub updated_at: Option<OffsetDateTime>,
    /// Where it lies.
    pub position: Position<'a>,
    /// Which attempt this is, counted from 1.
    pub attempt: u64,
    /// Trace in which it is handled.
    pub trace_id: Option<String>,
}

/// Where a message lies on the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<'a> {
    /// Stream.
    pub stream: &'a str,
    /// Subject that it was published on.
    pub subject: &'a str,
    /// Its number on the stream.
    pub sequence: u64,
}

impl Position<'_> {
    pub(crate) fn sequence(self) -> i64 {
        i64::try_from(self.sequence).unwrap_or(i64::MAX)
    }
}

impl Event<'_> {
    /// Whether its dedup key and lead id are short enough to be indexed. What is not must be given up: it can be
    /// recorded, by its position alone, but a repeat of it would not be recognised.
    pub fn is_indexable(&self) -> bool {
        self.envelope.dedup_key.len() <= KEY_MAX_BYTES
            && self.lead_id.is_none_or(|lead_id| lead_id.len() <= KEY_MAX_BYTES)
    }

    /// Its dedup key as the ledger spells it.
    pub fn key(&self) -> Cow<'_, str> {
        if self.is_indexable() {
            storable(&self.envelope.dedup_key)
        } else {
            let Position { stream, sequence, .. } = self.position;
            // With the id, since a stream that is made anew counts from one again.
            Cow::Owned(format!("nats:{stream}:{sequence}:{}", self.envelope.id))
        }
    }

    fn indexed_lead_id(&self) -> Option<Cow<'_, str>> {
        self.lead_id.filter(|_| self.is_indexable()).map(storable)
    }

    /// The envelope's extension attributes as a JSON object.
    fn extensions(&self) -> Option<String> {
        let extensions = &self.envelope.extensions;
        let object: serde_json::Map<_, _> = extensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), storable(value).into_owned().into()))
            .collect();
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    }

    pub(crate) fn attempt(&self) -> i32 {
        i32::try_from(self.attempt).unwrap_or(i32::MAX)
    }
}

/// What a new row says beside the event itself.
struct Initial<'a> {
    status: Status,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    headers: Option<serde_json::Value>,
    processed_at: Option<OffsetDateTime>,
}

/// Inserts the events whose id, dedup key, and lead at that instant are all new, and says which they are.
///
/// Rows go in by key, so that two transactions with the same events wait for each other instead of deadlocking.
async fn insert(
    connection: &mut PgConnection,
    events: &[&Event<'_>],
    initial: &Initial<'_>,
) -> sqlx::Result<HashSet<Uuid>> {
    let inserted = sqlx::query_scalar!(
        "insert into webhook_events (id, provider, source, event_type, subject, dedup_key, lead_id, updated_at,
            hook_action, status, attempts, error_code, error_message, headers, body, content_type, trace_id, delivery_id,
            stream, stream_subject, stream_sequence, replayed_from, received_at, processed_at, extensions, replay_root)
        select id, provider, source, event_type, subject, dedup_key, lead_id, updated_at,
            hook_action, $20, attempts, $21, $22, $23, body, content_type, trace_id, delivery_id,
            stream, stream_subject, stream_sequence, replayed_from, received_at, $24, extensions::jsonb, replay_root
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::text[], $10::integer[], $11::bytea[], $12::text[], $13::text[], $14::uuid[],
            $15::text[], $16::text[], $17::bigint[], $18::uuid[], $19::timestamptz[], $25::text[], $26::uuid[])
        as new (id, provider, source, event_type, subject, dedup_key, lead_id, updated_at, hook_action, attempts,
            body, content_type, trace_id, delivery_id, stream, stream_subject, stream_sequence, replayed_from,
            received_at, extensions, replay_root)
        on conflict do nothing
        returning id",
        &column(events, |event| event.envelope.id.0),
        &column(events, |event| storable(event.provider)) as _,
        &column(events, |event| storable(&event.envelope.source)) as _,
        &column(events, |event| storable(&event.envelope.event_type)) as _,
        &column(events, |event| event.envelope.subject.as_deref().map(storable)) as _,
        &column(events, |event| event.key()) as _,
        &column(events, |event| event.indexed_lead_id()) as _,
        &column(events, |event| event.updated_at) as _,
        &column(events, |event| event.envelope.action.as_deref().map(storable)) as _,
        &column(events, |event| event.attempt()),
        &column(events, |event| event.body) as _,
        &column(events, |event| storable(&event.envelope.content_type)) as _,
        &column(events, |event| event.trace_id.as_deref()) as _,
        &column(events, |event| event.envelope.delivery_id) as _,
        &column(events, |event| event.position.stream) as _,
        &column(events, |event| event.position.subject) as _,
        &column(events, |event| event.position.sequence()),
        &column(events, |event| event.envelope.replayed_from.map(|replay| replay.event.0)) as _,
        &column(events, |event| event.envelope.time),
        initial.status as _,
        initial.error_code,
        initial.error_message,
        initial.headers.as_ref(),
        initial.processed_at,
        &column(events, |event| event.extensions()) as _,
        &column(events, |event| event.envelope.replayed_from.map(|replay| replay.root.0)) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}
