//! Handlings that were left open, as an audit sees them.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::webhook_events::Status;

/// How a consumer stands with an event that it did not complete at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// How far it is.
    pub status: Status,
    /// Times it was handled.
    pub attempts: i32,
    /// What went wrong, in one word.
    pub code: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// When the first attempt began.
    pub started_at: OffsetDateTime,
    /// When it was completed or given up.
    pub finished_at: Option<OffsetDateTime>,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
}

/// How a consumer stands with an event; none if it never saw it.
///
/// # Errors
/// Those of the database.
pub async fn failure_of(
    connection: &mut PgConnection,
    consumer: &str,
    id: EventId,
) -> sqlx::Result<Option<Failing>> {
    sqlx::query_as!(
        Failing,
        r#"select status as "status: Status", attempts, error_code as code, error_message as error, started_at,
            finished_at, trace_id
        from event_handlings
        where event_id = $1 and consumer = $2"#,
        id.0,
        consumer,
    )
    .fetch_optional(connection)
    .await
}

/// Where an open handling's message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// The event.
    pub event_id: Uuid,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// Times it was handled.
    pub attempts: i32,
    /// When the first attempt began.
    pub started_at: OffsetDateTime,
}

/// What a consumer has open although it will not be given it again: what lies up to `settled`, and what a stream held
/// that is no more (`incarnation`). The oldest first. What waits in a hook's own queue needs no stream any more. Proved by
/// `what_waits_for_a_hook_is_not_taken_for_lost`.
///
/// # Errors
/// Those of the database.
pub async fn stuck(
    connection: &mut PgConnection,
    consumer: &str,
    (stream, incarnation): (&str, OffsetDateTime),
    settled: i64,
    limit: u16,
) -> sqlx::Result<Vec<Open>> {
    sqlx::query_as!(
        Open,
        "select event_id, stream_sequence, attempts, started_at
        from event_handlings
        where consumer = $1 and status in ('processing', 'failed') and status <> 'completed' and stream = $2
            and (stream_sequence <= $3 or started_at < $4)
            and not exists (
                select from hook_events event
                join hook_deliveries delivery using (event_id)
                where event.event_id = event_handlings.event_id and event.consumer = $1
                    and delivery.status = 'pending'
            )
        order by started_at
        limit $5",
        consumer,
        stream,
        settled,
        incarnation,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// How many events a consumer has open, and how many it gave up.
///
/// # Errors
/// Those of the database.
pub async fn open_and_dead(connection: &mut PgConnection, consumer: &str) -> sqlx::Result<(i64, i64)> {
    let counts = sqlx::query!(
        r#"select count(*) filter (where status <> 'dead_letter') as "open!",
            count(*) filter (where status = 'dead_letter') as "dead!"
        from event_handlings
        where consumer = $1 and status <> 'completed'"#,
        consumer,
    )
    .fetch_one(connection)
    .await?;
    Ok((counts.open, counts.dead))
}
