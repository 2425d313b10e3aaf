//! Old dead letters.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Old, Step};

/// The next old dead letters, by id. One stays as long as the row does that says that its event is dead, or a replay of
/// it is kept.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Uuid>,
) -> sqlx::Result<Step<Uuid, Uuid>> {
    // Its id was made when it was recorded: the bound keeps the scan to what can be old.
    let window = sqlx::query!(
        r#"select letter.id,
            not exists (select from webhook_events ledger where ledger.id = letter.event_id)
            and not exists (
                select from event_handlings handling
                where handling.event_id = letter.event_id and handling.consumer = letter.consumer
            )
            and not exists (select from replay_items item where item.root_id = letter.event_id) as "may_go!"
        from dead_letters letter
        where letter.provider = $1 and letter.id < $2 and letter.last_failed_at < $3
            and ($4::uuid is null or letter.id > $4)
        order by letter.id
        limit $5"#,
        old.provider,
        first_id_at(old.before),
        old.before,
        after,
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| row.id);
    Ok(Step::of(window.into_iter().map(|row| (row.id, row.may_go)).collect(), last, old.limit))
}

/// Deletes these dead letters, and says how many there were.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<u64> {
    let deleted =
        sqlx::query!("delete from dead_letters where id = any($1)", ids).execute(connection).await?;
    Ok(deleted.rows_affected())
}

/// The smallest `UUIDv7` of an instant.
fn first_id_at(instant: time::OffsetDateTime) -> Uuid {
    let milliseconds = u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}
