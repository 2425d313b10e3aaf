//! A secondary consumer's count of attempts, for events that come again. That one begins, [`super::admit()`] says.

use contract::EventId;
use sqlx::PgConnection;

use crate::{
    column,
    webhook_events::{Attempts, Status},
};

/// The attempts of `consumer` at each of the events, in their order.
///
/// # Errors
/// Those of the database.
pub async fn attempts(
    connection: &mut PgConnection,
    consumer: &str,
    ids: &[EventId],
) -> sqlx::Result<Vec<Attempts>> {
    let known = sqlx::query!(
        r#"select handling.attempts as "attempts?", handling.status as "status?: Status"
        from unnest($2::uuid[]) with ordinality as asked (event_id, place)
        left join event_handlings handling on handling.event_id = asked.event_id and handling.consumer = $1
        order by place"#,
        consumer,
        &column(ids, |id| id.0),
    )
    .fetch_all(connection)
    .await?;
    let of_row = |(count, status)| Attempts::new(count, status);
    Ok(known.iter().map(|row| row.attempts.zip(row.status).map_or_else(Attempts::default, of_row)).collect())
}

/// Takes back that an attempt began: the event was given back untried.
///
/// # Errors
/// Those of the database.
pub async fn release(connection: &mut PgConnection, consumer: &str, id: EventId) -> sqlx::Result<()> {
    sqlx::query!(
        "update event_handlings
        set status = 'failed', attempts = greatest(attempts - 1, 0),
            error_code = coalesce(error_code, 'unavailable'),
            error_message = coalesce(error_message, 'given back untried')
        where consumer = $1 and event_id = $2 and (status || '') = 'processing'",
        consumer,
        id.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}
