//! What operators ask the ledger.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Status, matching::matching};

struct Identity {
    id: Uuid,
}

/// Which events are meant; absent: all. Absent in every field it means the whole ledger, which whoever changes something
/// must refuse: see [`Filter::is_empty`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// These.
    pub ids: Option<&'a [Uuid]>,
    /// In this status.
    pub status: Option<Status>,
    /// Of this provider.
    pub provider: Option<&'a str>,
    /// Of this type.
    pub event_type: Option<&'a str>,
    /// About this lead, account or snapshot.
    pub subject: Option<&'a str>,
    /// With this reason.
    pub reason: Option<&'a str>,
    /// With this dedup key.
    pub dedup_key: Option<&'a str>,
    /// With a dead letter of this group of failures.
    pub group: Option<&'a str>,
    /// Received then or later.
    pub since: Option<OffsetDateTime>,
    /// Received before.
    pub until: Option<OffsetDateTime>,
    /// With this text in the body, to the letter.
    pub text: Option<&'a str>,
}

impl Filter<'_> {
    /// Whether it chooses nothing.
    pub fn is_empty(&self) -> bool {
        let words = [
            self.provider,
            self.event_type,
            self.subject,
            self.reason,
            self.dedup_key,
            self.group,
            self.text,
        ];
        self.ids.is_none()
            && self.status.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && words.iter().all(Option::is_none)
    }
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
    /// The event that had the effects in its place.
    pub effects_by: Option<Uuid>,
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
    matching!(
        Listed,
        r#"select id, provider, source, event_type, subject, dedup_key, lead_id, updated_at, hook_action,
            status as "status: Status", attempts, error_code, error_message, content_type,
            octet_length(body) as "body_bytes!", trace_id, delivery_id, stream, stream_subject, stream_sequence,
            replayed_from, effects_by, received_at, processed_at
        from webhook_events"#,
        r#"and ($12::timestamptz is null or (received_at, id) < ($12, $13::uuid))
        order by received_at desc, id desc
        limit $14"#,
        filter,
        cursor.map(|cursor| cursor.received_at),
        cursor.map(|cursor| cursor.id),
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// Ids of the events that match, by id, after `after` if there is one: for work in steps.
///
/// # Errors
/// Those of the database.
pub async fn ids(
    connection: &mut PgConnection,
    filter: &Filter<'_>,
    after: Option<Uuid>,
    limit: u16,
) -> sqlx::Result<Vec<Uuid>> {
    let rows = matching!(
        Identity,
        "select id from webhook_events",
        "and ($12::uuid is null or id > $12) order by id limit $13",
        filter,
        after,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
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
            replayed_from, effects_by, received_at, processed_at
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
