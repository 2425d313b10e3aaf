//! What operators ask the ledger.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Status;

/// Which events to list; absent: all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// In this status.
    pub status: Option<Status>,
    /// Of this provider.
    pub provider: Option<&'a str>,
    /// Of this type.
    pub event_type: Option<&'a str>,
    /// About this lead.
    pub lead_id: Option<&'a str>,
    /// Received then or later.
    pub since: Option<OffsetDateTime>,
    /// Received before.
    pub until: Option<OffsetDateTime>,
}

/// Where a page ended; the next one begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last event's.
    pub received_at: OffsetDateTime,
    /// The last event's.
    pub id: Uuid,
}

/// One row of the ledger, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// `ce-id`.
    pub id: Uuid,
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
    /// The lead that it is about.
    pub lead_id: Option<String>,
    /// When the provider changed the lead.
    #[serde(with = "time::serde::rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
    /// The provider's word for what happened.
    pub hook_action: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Times it was handled.
    pub attempts: i32,
    /// Why it is not completed, in one word.
    pub error_code: Option<String>,
    /// Why it is not completed.
    pub error_message: Option<String>,
    /// Media type of its body.
    pub content_type: String,
    /// Size of its body.
    pub body_bytes: i32,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
    /// The delivery that it came in.
    pub delivery_id: Option<Uuid>,
    /// Stream that it lies on, or lay on.
    pub stream: String,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// The event that it replays.
    pub replayed_from: Option<Uuid>,
    /// When the edge received it.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// When it was completed or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub processed_at: Option<OffsetDateTime>,
}

impl Listed {
    /// The cursor for what comes after this row.
    pub const fn cursor(&self) -> Cursor {
        Cursor { received_at: self.received_at, id: self.id }
    }
}

/// One row of the ledger, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// All but the body.
    pub event: Listed,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// The message's headers, where no envelope could be read from them.
    pub headers: Option<serde_json::Value>,
    /// What the envelope said beside, by the names of CloudEvents extension attributes.
    pub extensions: Option<serde_json::Value>,
    /// Messages on the streams that repeated it and had no effect.
    pub duplicates: i64,
}

/// How many events are in a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: Status,
    /// Events in it.
    pub count: i64,
}

/// The newest events that match, after `cursor` if there is one.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter<'_>,
    cursor: Option<Cursor>,
    limit: u16,
) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select id, provider, source, event_type, subject, dedup_key, lead_id, updated_at, hook_action,
            status as "status: Status", attempts, error_code, error_message, content_type,
            octet_length(body) as "body_bytes!", trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, received_at, processed_at
        from webhook_events
        where ($1::text is null or status = $1)
            and ($2::text is null or provider = $2)
            and ($3::text is null or event_type = $3)
            and ($4::text is null or lead_id = $4)
            and ($5::timestamptz is null or received_at >= $5)
            and ($6::timestamptz is null or received_at < $6)
            and ($7::timestamptz is null or (received_at, id) < ($7, $8::uuid))
        order by received_at desc, id desc
        limit $9"#,
        filter.status as _,
        filter.provider,
        filter.event_type,
        filter.lead_id,
        filter.since,
        filter.until,
        cursor.map(|cursor| cursor.received_at),
        cursor.map(|cursor| cursor.id),
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// One event with its body.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Stored>> {
    let event = sqlx::query_as!(
        Listed,
        r#"select id, provider, source, event_type, subject, dedup_key, lead_id, updated_at, hook_action,
            status as "status: Status", attempts, error_code, error_message, content_type,
            octet_length(body) as "body_bytes!", trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, received_at, processed_at
        from webhook_events
        where id = $1"#,
        id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(event) = event else { return Ok(None) };
    let rest = sqlx::query!(
        r#"select body, headers, extensions, (select count(*) from webhook_event_duplicates where duplicate_of = $1) as "duplicates!"
        from webhook_events
        where id = $1"#,
        id,
    )
    .fetch_one(connection)
    .await?;
    Ok(Some(Stored {
        event,
        body: rest.body,
        headers: rest.headers,
        extensions: rest.extensions,
        duplicates: rest.duplicates,
    }))
}

/// How many events there are in each status, of those received at `since` or later.
///
/// # Errors
/// Those of the database.
pub async fn count_by_status(
    connection: &mut PgConnection,
    since: Option<OffsetDateTime>,
) -> sqlx::Result<Vec<StatusCount>> {
    sqlx::query_as!(
        StatusCount,
        r#"select status as "status: Status", count(*) as "count!"
        from webhook_events
        where $1::timestamptz is null or received_at >= $1
        group by status
        order by status"#,
        since,
    )
    .fetch_all(connection)
    .await
}
