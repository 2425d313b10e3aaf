//! Old accounts of secondary consumers.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Old, Step};

/// Event and consumer.
pub type Row = (Uuid, String);
/// Where a step ended.
pub type Key = (OffsetDateTime, Uuid, String);

/// The next old accounts, oldest first. One stays as long as the ledger's row of its event does: the audit asks for both.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Key>,
) -> sqlx::Result<Step<Row, Key>> {
    let (finished_at, id, consumer) = after.map_or((None, None, None), |(finished_at, id, consumer)| {
        (Some(finished_at), Some(id), Some(consumer))
    });
    let window = sqlx::query!(
        r#"select event_id, consumer, finished_at as "finished_at!",
            not exists (select from webhook_events ledger where ledger.id = handling.event_id) as "may_go!"
        from event_handlings handling
        where provider = $1 and status = $2 and finished_at is not null and finished_at < $3
            and ($4::timestamptz is null or (finished_at, event_id, consumer) > ($4, $5::uuid, $6::text))
        order by finished_at, event_id, consumer
        limit $7"#,
        old.provider,
        old.status as _,
        old.before,
        finished_at,
        id,
        consumer,
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.finished_at, row.event_id, row.consumer.clone()));
    let rows = window.into_iter().map(|row| ((row.event_id, row.consumer), row.may_go)).collect();
    Ok(Step::of(rows, last, old.limit))
}

/// Deletes these accounts, and says how many there were. What is not settled stays, whatever is asked.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, rows: &[Row]) -> sqlx::Result<u64> {
    let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
    let consumers: Vec<_> = rows.iter().map(|(_, consumer)| consumer.as_str()).collect();
    let deleted = sqlx::query!(
        "delete from event_handlings handling
        using unnest($1::uuid[], $2::text[]) as old (event_id, consumer)
        where handling.event_id = old.event_id and handling.consumer = old.consumer and handling.finished_at is not null",
        &ids,
        &consumers as _,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}
