//! The ledger by position on a stream: what an audit compares with the stream itself.
//!
//! Positions count anew when a stream is made anew. Rows that were made before that (`incarnation`) speak of other
//! messages.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Envelope, EventId, Replay, header};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Status;
use crate::column;

/// A part of a stream: positions above `after`, up to `until`.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The stream.
    pub stream: &'a str,
    /// When the server made it.
    pub incarnation: OffsetDateTime,
    /// When the server made the next stream of that name, if it did.
    pub superseded: Option<OffsetDateTime>,
    /// The position before the first.
    pub after: i64,
    /// The last position.
    pub until: i64,
}

/// What the ledger knows of the positions of a stretch; each is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Completed.
    pub completed: i64,
    /// Dead.
    pub dead: i64,
    /// Neither.
    pub open: i64,
    /// Repeats of other events.
    pub duplicates: i64,
}

/// Positions without a gap between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Gap {
    /// How many positions it has.
    pub const fn len(&self) -> i64 {
        self.last - self.first + 1
    }

    /// Never: a gap has at least one position.
    pub const fn is_empty(&self) -> bool {
        self.last < self.first
    }
}

/// Counts a stretch.
///
/// # Errors
/// Those of the database.
pub async fn tally(connection: &mut PgConnection, stretch: Stretch<'_>) -> sqlx::Result<Tally> {
    sqlx::query_as!(
        Tally,
        r#"select count(*) filter (where status = 'completed') as "completed!",
            count(*) filter (where status = 'dead_letter') as "dead!",
            count(*) filter (where status not in ('completed', 'dead_letter')) as "open!",
            (select count(distinct stream_sequence) from webhook_event_duplicates duplicate
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5::timestamptz is null or created_at < $5)
                and not exists (select from webhook_events event
                    where event.stream = $1 and event.stream_sequence = duplicate.stream_sequence
                        and event.created_at >= $4 and ($5 is null or event.created_at < $5))) as "duplicates!"
        from webhook_events
        where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
            and ($5::timestamptz is null or created_at < $5)"#,
        stretch.stream,
        stretch.after,
        stretch.until,
        stretch.incarnation,
        stretch.superseded,
    )
    .fetch_one(connection)
    .await
}

/// The positions of a stretch that neither the ledger nor the list of duplicates knows, from the lowest.
///
/// # Errors
/// Those of the database.
pub async fn gaps(connection: &mut PgConnection, stretch: Stretch<'_>, limit: u16) -> sqlx::Result<Vec<Gap>> {
    sqlx::query_as!(
        Gap,
        r#"with known as (
            select stream_sequence as sequence from webhook_events
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5::timestamptz is null or created_at < $5)
            union
            select stream_sequence from webhook_event_duplicates
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5 is null or created_at < $5)
            union all
            select $3 + 1
        ), steps as (
            select sequence, lag(sequence, 1, $2) over (order by sequence) as previous from known
        )
        select previous + 1 as "first!", sequence - 1 as "last!"
        from steps
        where sequence > previous + 1
        order by sequence
        limit $6"#,
        stretch.stream,
        stretch.after,
        stretch.until,
        stretch.incarnation,
        stretch.superseded,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

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

/// Which of these positions are repeats.
///
/// # Errors
/// Those of the database.
pub async fn repeats_at(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    sequences: &[i64],
) -> sqlx::Result<BTreeSet<i64>> {
    let rows = sqlx::query_scalar!(
        "select stream_sequence from webhook_event_duplicates
        where stream = $1 and stream_sequence = any($2) and created_at >= $3",
        stream,
        sequences,
        incarnation,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// What became of events, by id or by dedup key, wherever they lie.
///
/// # Errors
/// Those of the database.
pub async fn statuses(
    connection: &mut PgConnection,
    provider: &str,
    events: &[(EventId, &str)],
) -> sqlx::Result<Vec<Option<Status>>> {
    let rows = sqlx::query!(
        r#"select asked.position as "position!", event.status as "status: Status"
        from unnest($2::uuid[], $3::text[]) with ordinality as asked (id, dedup_key, position)
        left join lateral (
            (select status from webhook_events where id = asked.id)
            union all
            (select status from webhook_events where provider = $1 and dedup_key = asked.dedup_key)
            limit 1
        ) event on true
        order by asked.position"#,
        provider,
        &column(events, |(id, _)| id.0),
        &column(events, |(_, key)| *key) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.status).collect())
}

/// Which of these objects no row names.
///
/// # Errors
/// Those of the database.
pub async fn unnamed_claims(connection: &mut PgConnection, names: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select asked.name as "name!" from unnest($1::text[]) as asked (name)
        where not exists (select from webhook_events
            where extensions ? 'claim' and extensions ->> 'claim' = asked.name)
        order by asked.name"#,
        names,
    )
    .fetch_all(connection)
    .await
}

/// The objects that rows name which are not completed, with their events.
///
/// # Errors
/// Those of the database.
pub async fn open_claims(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<(EventId, String)>> {
    let rows = sqlx::query!(
        r#"select id, extensions ->> 'claim' as "name!" from webhook_events
        where extensions ? 'claim' and status <> 'completed'
        order by received_at desc, id desc
        limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (EventId(row.id), row.name)).collect())
}
