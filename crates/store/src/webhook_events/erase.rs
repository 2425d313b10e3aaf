//! Removing bodies from the ledger because of the people in them. The rows stay, so that the books still balance.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Event, Initial, Status, insert};
use crate::column;

/// What stands where a body was.
const TOMBSTONE: &[u8] = br#"{"erased":true}"#;

/// The body of an event, to be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The event.
    pub id: Uuid,
    /// The lead that it is about.
    pub lead_id: Option<String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Bodies that were not erased, in the order of ids, at most `limit` after `after`.
///
/// # Errors
/// Those of the database.
pub async fn bodies(
    connection: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Body>> {
    sqlx::query_as!(
        Body,
        "select id, lead_id, body from webhook_events
        where ($1::uuid is null or id > $1) and erased_at is null
        order by id limit $2",
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Where these events and their repeats lie on streams: stream and sequence.
///
/// # Errors
/// Those of the database.
pub async fn positions(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<(String, u64)>> {
    let rows = sqlx::query!(
        r#"select stream as "stream!", stream_sequence as "sequence!" from webhook_events where id = any($1)
        union
        select stream, stream_sequence from webhook_event_duplicates where duplicate_of = any($1)"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.stream, u64::try_from(row.sequence).ok()?))).collect())
}

/// Puts a tombstone where the bodies and headers of these events were, and says how many they were. Proved by
/// `a_person_is_gone_from_every_place_and_the_books_balance`.
///
/// # Errors
/// Those of the database.
pub async fn erase(connection: &mut PgConnection, ids: &[Uuid], now: OffsetDateTime) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update webhook_events
        set body = $2, content_type = 'application/json', headers = null, error_message = null,
            erased_at = $3
        where id = any($1) and erased_at is null",
        ids,
        TOMBSTONE,
        now,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}

/// Enters events that are erased before any consumer settled them: dead, with a tombstone for a body. Those that the
/// ledger has stay as they are. Says how many were entered.
///
/// # Errors
/// Those of the database.
pub async fn tombstones(
    connection: &mut PgConnection,
    events: &[Event<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<usize> {
    let events: Vec<_> = events.iter().map(|event| Event { body: TOMBSTONE, ..event.clone() }).collect();
    let erased = Initial {
        status: Status::DeadLetter,
        error_code: Some(contract::code::ERASED.as_str()),
        error_message: Some("erased before it was handled, because of the person in it"),
        headers: None,
        processed_at: Some(now),
    };
    let inserted = insert(&mut *connection, &column(&events, |event| event), &erased).await?;
    let ids: Vec<Uuid> = inserted.iter().copied().collect();
    sqlx::query!("update webhook_events set erased_at = $2 where id = any($1)", &ids, now)
        .execute(connection)
        .await?;
    Ok(ids.len())
}
