//! Ledger rows whole, so that their events can be told again when their messages are gone.

use std::collections::BTreeMap;

use contract::{Envelope, EventId, Replay, header};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Status;

/// A row of the ledger with all that is needed to tell its event again.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Who sent it.
    pub provider: String,
    /// Its envelope.
    pub envelope: Envelope,
    /// Its bytes.
    pub body: Vec<u8>,
    /// What became of it.
    pub status: Status,
    /// Times it was handled.
    pub attempts: i32,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
    /// Stream.
    pub stream: String,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// Its number there.
    pub sequence: i64,
    /// When the row was made.
    pub created_at: OffsetDateTime,
}

struct Row {
    id: Uuid,
    provider: String,
    source: String,
    event_type: String,
    subject: Option<String>,
    dedup_key: String,
    hook_action: Option<String>,
    status: Status,
    attempts: i32,
    body: Vec<u8>,
    content_type: String,
    extensions: Option<serde_json::Value>,
    trace_id: Option<String>,
    delivery_id: Option<Uuid>,
    stream: String,
    stream_subject: String,
    stream_sequence: i64,
    replayed_from: Option<Uuid>,
    received_at: OffsetDateTime,
    created_at: OffsetDateTime,
}

impl From<Row> for Kept {
    fn from(row: Row) -> Self {
        let word = |name: &str| Some(row.extensions.as_ref()?.get(name)?.as_str()?.to_owned());
        let extensions: BTreeMap<_, _> =
            header::EXTENSIONS.iter().filter_map(|(name, _)| Some((*name, word(name)?))).collect();
        let envelope = Envelope {
            id: EventId(row.id),
            source: row.source,
            event_type: row.event_type,
            subject: row.subject,
            time: row.received_at,
            content_type: row.content_type,
            dedup_key: row.dedup_key,
            delivery_id: row.delivery_id,
            action: row.hook_action,
            rejected: None,
            replayed_from: row.replayed_from.map(|id| Replay::from(EventId(id))),
            extensions,
        };
        Self {
            provider: row.provider,
            envelope,
            body: row.body,
            status: row.status,
            attempts: row.attempts,
            trace_id: row.trace_id,
            stream: row.stream,
            stream_subject: row.stream_subject,
            sequence: row.stream_sequence,
            created_at: row.created_at,
        }
    }
}

/// The rows at these positions.
///
/// # Errors
/// Those of the database.
pub async fn kept_at(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    sequences: &[i64],
) -> sqlx::Result<Vec<Kept>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, provider, source, event_type, subject, dedup_key, hook_action, status as "status: Status", attempts,
            body, content_type, extensions, trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, received_at, created_at
        from webhook_events
        where stream = $1 and stream_sequence = any($2) and created_at >= $3"#,
        stream,
        sequences,
        incarnation,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Kept::from).collect())
}

/// The rows that are open although their consumer will not be given them again: those up to `settled`, and those of a
/// stream that is no more. The oldest first.
///
/// The status is compared as the partial index has it, which holds few rows.
///
/// # Errors
/// Those of the database.
pub async fn stuck(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    settled: i64,
    limit: u16,
) -> sqlx::Result<Vec<Kept>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, provider, source, event_type, subject, dedup_key, hook_action, status as "status: Status", attempts,
            body, content_type, extensions, trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, received_at, created_at
        from webhook_events
        where status in ('received', 'processing', 'failed') and status <> 'completed' and stream = $1
            and (stream_sequence <= $2 or created_at < $3)
        order by stream_sequence
        limit $4"#,
        stream,
        settled,
        incarnation,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Kept::from).collect())
}

/// The row of this id.
///
/// # Errors
/// Those of the database.
pub async fn kept(connection: &mut PgConnection, id: EventId) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, provider, source, event_type, subject, dedup_key, hook_action, status as "status: Status", attempts,
            body, content_type, extensions, trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, received_at, created_at
        from webhook_events
        where id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Kept::from))
}
