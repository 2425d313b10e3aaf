//! Bodies of completed events that are old enough to lose them before their rows go.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Old, Step, ledger::Instant};

/// The next old rows that have their body, oldest first. A replay under way needs it.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Instant>,
) -> sqlx::Result<Step<Uuid, Instant>> {
    let window = sqlx::query!(
        r#"select ledger.id, ledger.received_at,
            not exists (
                select from replay_items item
                where item.root_id = coalesce(ledger.replay_root, ledger.id)
                    and ledger.id in (item.root_id, item.event_id) and item.state in ('pending', 'publishing')
            ) as "may_go!"
        from webhook_events ledger
        where ledger.provider = $1 and ledger.status = $2 and ledger.erased_at is null
            and ledger.processed_at < $3 and ledger.received_at < $3
            and (ledger.received_at, ledger.id) > (coalesce($4::timestamptz, '-infinity'), $5)
        order by ledger.received_at, ledger.id
        limit $6"#,
        old.provider,
        old.status as _,
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
