//! Where the bodies of replays come from: the dead letters, else the ledger.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A dead letter as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lettered {
    /// The event.
    pub event_id: Uuid,
    /// Who gave it up.
    pub consumer: String,
    /// The message's headers, a list of names and values.
    pub headers: Option<Value>,
    /// The exact bytes, that of the claimed object where the message only named one.
    pub body: Option<Vec<u8>>,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
    /// Its stream.
    pub stream: String,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// Equal for every repeat of the event.
    pub dedup_key: String,
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledgered {
    /// The event.
    pub id: Uuid,
    /// Path of the endpoint that received it.
    pub source: String,
    /// What happened.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Equal for every repeat of the event.
    pub dedup_key: String,
    /// The provider's word for what happened.
    pub hook_action: Option<String>,
    /// The exact bytes of the message.
    pub body: Vec<u8>,
    /// Media type of the body.
    pub content_type: String,
    /// What the envelope said beside.
    pub extensions: Option<Value>,
    /// Why it is not completed.
    pub error_code: Option<String>,
    /// The delivery that it came in.
    pub delivery_id: Option<Uuid>,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
    /// Its stream.
    pub stream: String,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// The event that it replays.
    pub replayed_from: Option<Uuid>,
    /// Its body was removed: erased for a person, or by retention.
    pub is_erased: bool,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// How many bytes the largest body that is kept of each of these events has: what loading them will take.
///
/// # Errors
/// Those of the database.
pub async fn sizes(connection: &mut PgConnection, events: &[Uuid]) -> sqlx::Result<HashMap<Uuid, usize>> {
    let rows = sqlx::query!(
        r#"select id as "id!", max(octet_length(body)) as "bytes!"
        from (
            select id, body from webhook_events where id = any($1)
            union all
            select event_id, body from dead_letters where event_id = any($1) and body is not null
        ) as kept
        group by id"#,
        events,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, usize::try_from(row.bytes).unwrap_or(0))).collect())
}

/// Dead letters of these events.
///
/// # Errors
/// Those of the database.
pub async fn lettered(connection: &mut PgConnection, events: &[Uuid]) -> sqlx::Result<Vec<Lettered>> {
    sqlx::query_as!(
        Lettered,
        "select event_id, consumer, headers, body, trace_id, stream, stream_subject, stream_sequence, dedup_key
        from dead_letters
        where event_id = any($1)
        order by id",
        events,
    )
    .fetch_all(connection)
    .await
}

/// Ledger rows of these events.
///
/// # Errors
/// Those of the database.
pub async fn ledgered(connection: &mut PgConnection, events: &[Uuid]) -> sqlx::Result<Vec<Ledgered>> {
    sqlx::query_as!(
        Ledgered,
        r#"select id, source, event_type, subject, dedup_key, hook_action, body, content_type, extensions, error_code,
            delivery_id, trace_id, stream, stream_subject, stream_sequence, replayed_from,
            erased_at is not null as "is_erased!", received_at
        from webhook_events
        where id = any($1)"#,
        events,
    )
    .fetch_all(connection)
    .await
}
