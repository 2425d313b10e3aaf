//! Events of the ledger that a secondary consumer has no account of.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// An event, and where its message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// The event.
    pub event_id: Uuid,
    /// Its number on the stream.
    pub stream_sequence: i64,
    /// Subject that it was published on.
    pub stream_subject: String,
    /// When it was received.
    pub received_at: OffsetDateTime,
}

/// The events at the positions above `after`, up to `until`, of which the consumer has no account. The lowest first.
///
/// The ledger says which events there were, so that no index by position is needed beside its own: ask up to where the
/// ledger is complete.
///
/// # Errors
/// Those of the database.
pub async fn unseen(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    consumer: &str,
    (after, until): (i64, i64),
    limit: u16,
) -> sqlx::Result<Vec<Unseen>> {
    sqlx::query_as!(
        Unseen,
        "select event.id as event_id, event.stream_sequence, event.stream_subject, event.received_at
        from webhook_events event
        where event.stream = $1 and event.created_at >= $2 and event.stream_sequence > $4
            and event.stream_sequence <= $5
            and not exists (select from event_handlings handling
                where handling.event_id = event.id and handling.consumer = $3)
        order by event.stream_sequence
        limit $6",
        stream,
        incarnation,
        consumer,
        after,
        until,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}
