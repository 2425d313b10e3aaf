//! Old rows of the ledger.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Old, Step};

/// Where a step ended.
pub type Key = (OffsetDateTime, Uuid);

/// The next old rows, oldest first. A row may go once the books of its stream have counted it for good, and no replay of
/// it is kept.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Key>,
) -> sqlx::Result<Step<Uuid, Key>> {
    let window = sqlx::query!(
        r#"select ledger.id, ledger.received_at,
            exists (
                select from stream_accounts account
                where account.stream = ledger.stream
                    and (ledger.stream_sequence <= account.settled_sequence or ledger.received_at < account.incarnation)
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
        where ledger.provider = $1 and ledger.status = $2
            and ledger.processed_at < $3 and ledger.received_at < $3
            and ($4::timestamptz is null or (ledger.received_at, ledger.id) > ($4, $5::uuid))
        order by ledger.received_at, ledger.id
        limit $6"#,
        old.provider,
        old.status as _,
        old.before,
        after.map(|(received_at, _)| received_at),
        after.map(|(_, id)| id),
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
