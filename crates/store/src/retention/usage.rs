//! Old sessions of usage reports, and their queries.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Old, Step};

/// Where a step through the queries ended.
pub type QueryKey = (OffsetDateTime, Uuid);
/// Where a step through the sessions ended.
pub type SessionKey = (OffsetDateTime, String);

/// The next old queries, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn queries(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<QueryKey>,
) -> sqlx::Result<Step<Uuid, QueryKey>> {
    let window = sqlx::query!(
        "select event_id, asked_at
        from usage_queries
        where asked_at < $1 and ($2::timestamptz is null or (asked_at, event_id) > ($2, $3::uuid))
        order by asked_at, event_id
        limit $4",
        old.before,
        after.map(|(asked_at, _)| asked_at),
        after.map(|(_, id)| id),
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.asked_at, row.event_id));
    Ok(Step::of(window.into_iter().map(|row| (row.event_id, true)).collect(), last, old.limit))
}

/// Deletes these queries, and says how many there were.
///
/// # Errors
/// Those of the database.
pub async fn delete_queries(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<u64> {
    let deleted = sqlx::query!("delete from usage_queries where event_id = any($1)", ids);
    Ok(deleted.execute(connection).await?.rows_affected())
}

/// The next sessions that nobody was active in for long, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn sessions(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<SessionKey>,
) -> sqlx::Result<Step<String, SessionKey>> {
    let (last_activity, id) = after.unzip();
    let window = sqlx::query!(
        "select session_id, last_activity
        from usage_sessions
        where last_activity < $1 and ($2::timestamptz is null or (last_activity, session_id) > ($2, $3::text))
        order by last_activity, session_id
        limit $4",
        old.before,
        last_activity,
        id,
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.last_activity, row.session_id.clone()));
    Ok(Step::of(window.into_iter().map(|row| (row.session_id, true)).collect(), last, old.limit))
}

/// Deletes these sessions, and says how many there were. One that became active meanwhile stays.
///
/// # Errors
/// Those of the database.
pub async fn delete_sessions(
    connection: &mut PgConnection,
    ids: &[String],
    before: OffsetDateTime,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "delete from usage_sessions where session_id = any($1) and last_activity < $2",
        ids,
        before,
    );
    Ok(deleted.execute(connection).await?.rows_affected())
}
