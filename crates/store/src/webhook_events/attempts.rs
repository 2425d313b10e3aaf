//! The ledger's count of attempts, for events that come again.

use sqlx::PgConnection;

use super::{Event, Initial, Status, insert};
use crate::column;

/// What the ledger knows of the attempts at an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many there were.
    pub count: u64,
    /// The last of them began, and there is no word of its end.
    pub unfinished: bool,
}

impl Attempts {
    pub(crate) fn new(count: i32, status: Status) -> Self {
        Self { count: u64::try_from(count).unwrap_or(0), unfinished: status == Status::Processing }
    }
}

/// The attempts at each of `events`, in their order.
///
/// # Errors
/// Those of the database.
pub async fn attempts(connection: &mut PgConnection, events: &[Event<'_>]) -> sqlx::Result<Vec<Attempts>> {
    let known = sqlx::query!(
        r#"select ledger.attempts as "attempts?", ledger.status as "status?: Status"
        from unnest($1::text[], $2::text[]) with ordinality as asked (provider, dedup_key, place)
        left join webhook_events ledger using (provider, dedup_key)
        order by place"#,
        &column(events, |event| event.provider) as _,
        &column(events, |event| event.key()) as _,
    )
    .fetch_all(connection)
    .await?;
    let attempts =
        known.iter().map(|row| row.attempts.zip(row.status).map_or_else(Attempts::default, of_row)).collect();
    Ok(attempts)
}

fn of_row((count, status): (i32, Status)) -> Attempts {
    Attempts::new(count, status)
}

/// Records that an attempt at each event begins: commit it before the attempt, and a process that dies of it leaves a
/// word. An event that is completed or dead stays as it is. Proved by `an_attempt_that_began_is_on_record_until_it_ends`.
///
/// # Errors
/// Those of the database.
pub async fn begin(connection: &mut PgConnection, events: &[Event<'_>]) -> sqlx::Result<()> {
    let processing = Initial {
        status: Status::Processing,
        error_code: None,
        error_message: None,
        headers: None,
        processed_at: None,
    };
    // In the order of keys, as everybody locks them.
    let mut by_key = column(events, |event| event);
    by_key.sort_by(|a, b| (a.provider, a.key()).cmp(&(b.provider, b.key())));
    let inserted = insert(connection, &by_key, &processing).await?;
    by_key.retain(|event| !inserted.contains(&event.envelope.id.0));
    // The status as an expression: see `lock` in `admit`. What went wrong before stays readable.
    sqlx::query!(
        "with open as (
            select ledger.id, begun.attempts
            from unnest($1::text[], $2::text[], $3::integer[]) as begun (provider, dedup_key, attempts)
            join webhook_events ledger using (provider, dedup_key)
            where (ledger.status || '') not in ('completed', 'dead_letter')
            order by ledger.provider, ledger.dedup_key
            for update of ledger
        )
        update webhook_events event
        set status = 'processing', attempts = greatest(event.attempts, open.attempts)
        from open
        where event.id = open.id",
        &column(&by_key, |event| event.provider) as _,
        &column(&by_key, |event| event.key()) as _,
        &column(&by_key, |event| event.attempt()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes back that an attempt began: the event was given back untried.
///
/// # Errors
/// Those of the database.
pub async fn release(connection: &mut PgConnection, event: &Event<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "update webhook_events
        set status = 'failed', attempts = greatest(attempts - 1, 0),
            error_code = coalesce(error_code, 'unavailable'),
            error_message = coalesce(error_message, 'given back untried')
        where provider = $1 and dedup_key = $2 and (status || '') = 'processing'",
        event.provider,
        &event.key(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
