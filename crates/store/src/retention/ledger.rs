//! Old rows of the ledger.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Old, Step};

/// Where a step through completed rows ended: position on the stream, and event.
pub type Position = (i64, Uuid);
/// Where a step through dead rows ended.
pub type Instant = (OffsetDateTime, Uuid);

/// Rows of the ledger, each with whether it may go: once the books of its stream have counted it for good, and no replay
/// of it is kept.
macro_rules! window {
    ($select:tt, $tail:tt, $($parameter:expr),* $(,)?) => {
        sqlx::query!(
            $select + r#",
                exists (
                    select from stream_accounts account
                    where account.stream = ledger.stream
                        and (ledger.stream_sequence <= account.settled_sequence
                            or ledger.received_at < account.incarnation)
                        and not exists (
                            select from stream_accounts newer
                            where newer.stream = account.stream and newer.incarnation > account.incarnation
                        )
                )
                and not exists (
                    select from replay_items item
                    where item.root_id = coalesce(ledger.replay_root, ledger.id)
                        and ledger.id in (item.root_id, item.event_id)
                ) as "may_go!"
            from webhook_events ledger
            "# + $tail,
            $($parameter),*
        )
    };
}

/// The next old completed rows of a stream, by position.
///
/// By position and without a condition on time or status, so that a step reads what it is bounded by, however many rows
/// other providers keep for longer: what is on a stream is in the order of time. The last step is the first that shows
/// nothing from before; but of a stream that was made anew since, every row is looked at, for it counts from one again.
/// Proved by `what_other_providers_keep_costs_a_step_nothing` and `what_an_older_stream_left_goes_too`.
///
/// # Errors
/// Those of the database.
pub async fn completed(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Position>,
) -> sqlx::Result<Step<Uuid, Position>> {
    let window = window!(
        r#"select ledger.id, ledger.stream_sequence, ledger.received_at < $3 as "is_before!",
            (select count(*) > 1 and max(incarnation) >= $3 from stream_accounts where stream = $1) as "is_anew!",
            ledger.provider = $2 and ledger.status = 'completed' and ledger.received_at < $3
                and ledger.processed_at < $3 as is_old"#,
        "where ledger.stream = $1 and (ledger.stream_sequence, ledger.id) > ($4, $5)
        order by ledger.stream_sequence, ledger.id
        limit $6",
        old.stream,
        old.provider,
        old.before,
        after.map_or(-1, |(sequence, _)| sequence),
        after.map_or(Uuid::nil(), |(_, id)| id),
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let is_full = i64::try_from(window.len()).is_ok_and(|seen| seen >= old.limit);
    let goes_on = is_full && window.iter().any(|row| row.is_before || row.is_anew);
    let next = window.last().filter(|_| goes_on).map(|row| (row.stream_sequence, row.id));
    let olds = window.into_iter().filter(|row| row.is_old == Some(true));
    Ok(Step { next, ..Step::of(olds.map(|row| (row.id, row.may_go)).collect(), None, 0) })
}

/// The next old dead rows, oldest first: there is an index of what is not completed.
///
/// # Errors
/// Those of the database.
pub async fn dead(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Instant>,
) -> sqlx::Result<Step<Uuid, Instant>> {
    let window = window!(
        "select ledger.id, ledger.received_at",
        "where ledger.provider = $1 and ledger.status = 'dead_letter'
            and ledger.processed_at < $2 and ledger.received_at < $2
            and (ledger.received_at, ledger.id) > (coalesce($3::timestamptz, '-infinity'), $4)
        order by ledger.received_at, ledger.id
        limit $5",
        old.provider,
        old.before,
        after.map(|(received_at, _)| received_at),
        after.map_or(Uuid::nil(), |(_, id)| id),
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.received_at, row.id));
    Ok(Step::of(window.into_iter().map(|row| (row.id, row.may_go)).collect(), last, old.limit))
}

/// Deletes these rows, and says how many there were. What is not settled stays, whatever is asked: proved by
/// `what_is_not_settled_is_never_deleted`.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "delete from webhook_events where id = any($1) and (status || '') in ('completed', 'dead_letter')",
        ids,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}
