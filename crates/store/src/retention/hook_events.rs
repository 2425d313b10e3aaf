//! Old events that went to hooks, with their deliveries and attempts.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Old, Step};
use crate::webhook_events::Status;

/// Where a step ended.
pub type Key = (OffsetDateTime, Uuid);

/// The next old events, oldest first. In status `dead_letter` those that a hook did not take, else those that every
/// hook took. One with an open delivery stays.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Key>,
) -> sqlx::Result<Step<Uuid, Key>> {
    let window = sqlx::query!(
        r#"select event.event_id, event.created_at,
            not exists (
                select from hook_deliveries delivery
                where delivery.event_id = event.event_id and (delivery.finished_at is null or delivery.finished_at >= $2)
            ) as "may_go!"
        from hook_events event
        where event.provider = $1 and event.created_at < $2
            and $3 = exists (
                select from hook_deliveries delivery
                where delivery.event_id = event.event_id and delivery.status = 'dead'
            )
            and ($4::timestamptz is null or (event.created_at, event.event_id) > ($4, $5::uuid))
        order by event.created_at, event.event_id
        limit $6"#,
        old.provider,
        old.before,
        old.status == Status::DeadLetter,
        after.map(|(created_at, _)| created_at),
        after.map(|(_, id)| id),
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.created_at, row.event_id));
    Ok(Step::of(window.into_iter().map(|row| (row.event_id, row.may_go)).collect(), last, old.limit))
}

/// Deletes these events with their deliveries and attempts, and says how many events there were. What is open stays,
/// whatever is asked.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<u64> {
    let deleted = sqlx::query_scalar!(
        r#"with old as (
            delete from hook_events event
            where event_id = any($1)
                and not exists (
                    select from hook_deliveries delivery
                    where delivery.event_id = event.event_id and delivery.finished_at is null
                )
            returning event_id
        ), attempts as (
            delete from hook_attempts using old where hook_attempts.event_id = old.event_id
        )
        select count(*) as "count!" from old"#,
        ids,
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(deleted).unwrap_or(0))
}
