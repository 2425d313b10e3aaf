//! What operators and replays ask of the dead letters.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Filter, FoundBy, Listed, Row, Status, Stored, matching::matching};

struct Identity {
    id: Uuid,
}

struct Total {
    count: i64,
}

/// The newest dead letters that match, after the one called `after` if there is one.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter<'_>,
    after: Option<Uuid>,
    limit: u16,
) -> sqlx::Result<Vec<Listed>> {
    matching!(
        Listed,
        r#"select id, event_id, consumer, provider, source, event_type, subject, dedup_key, stream, stream_subject,
            stream_sequence, octet_length(body) as body_bytes, content_type, attempts, reason_code, last_error,
            fingerprint, received_at, first_failed_at, last_failed_at, trace_id, delivery_id,
            found_by as "found_by: FoundBy", status as "status: Status", replayed_as, discard_reason, settled_at
        from dead_letters"#,
        "and ($13::uuid is null or id < $13) order by id desc limit $14",
        filter,
        after,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// The oldest dead letters that match, whole, after the one called `after` if there is one: for exports.
///
/// # Errors
/// Those of the database.
pub async fn pages(
    connection: &mut PgConnection,
    filter: &Filter<'_>,
    after: Option<Uuid>,
    limit: u16,
) -> sqlx::Result<Vec<Stored>> {
    let rows = matching!(
        Row,
        r#"select id, event_id, consumer, provider, source, event_type, subject, dedup_key, stream, stream_subject,
            stream_sequence, octet_length(body) as body_bytes, content_type, attempts, reason_code, last_error,
            fingerprint, received_at, first_failed_at, last_failed_at, trace_id, delivery_id,
            found_by as "found_by: FoundBy", status as "status: Status", replayed_as, discard_reason, settled_at,
            body, headers
        from dead_letters"#,
        "and ($13::uuid is null or id > $13) order by id limit $14",
        filter,
        after,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

/// Ids of the oldest dead letters that match, after `after` if there is one: for work in steps.
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
        "select id from dead_letters",
        "and ($13::uuid is null or id > $13) order by id limit $14",
        filter,
        after,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How many match.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut PgConnection, filter: &Filter<'_>) -> sqlx::Result<i64> {
    let total = matching!(Total, r#"select count(*) as "count!" from dead_letters"#, "", filter);
    Ok(total.fetch_one(connection).await?.count)
}

/// One dead letter, whole.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Stored>> {
    let found = pages(connection, &Filter { ids: Some(&[id]), ..Filter::default() }, None, 1).await?;
    Ok(found.into_iter().next())
}

/// The dead letters of one event, newest first: one for each consumer that gave it up.
///
/// # Errors
/// Those of the database.
pub async fn newest_of(connection: &mut PgConnection, event_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select id from dead_letters where event_id = $1 order by id desc", event_id)
        .fetch_all(connection)
        .await
}

/// How many messages of a stream, from `first` on, a consumer exhausted without saying so itself.
///
/// # Errors
/// Those of the database.
pub async fn exhausted(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    consumer: &str,
    first: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from dead_letters
        where stream = $1 and stream_sequence >= $2 and created_at >= $3 and consumer = $4
            and found_by <> 'verdict' and reason_code = 'attempts_exhausted'"#,
        stream,
        first,
        incarnation,
        consumer,
    )
    .fetch_one(connection)
    .await
}

/// How many nobody has decided about.
///
/// # Errors
/// Those of the database.
pub async fn open(connection: &mut PgConnection, provider: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from dead_letters where status = 'dead' and provider = $1"#,
        provider,
    )
    .fetch_one(connection)
    .await
}
