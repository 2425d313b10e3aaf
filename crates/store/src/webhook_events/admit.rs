//! Admission: which events of a batch may have their effects. The heart of "once in effect".

use std::collections::HashMap;

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Event, Initial, Status, insert};
use crate::{column, webhook_event_duplicates};

/// What the ledger says to one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Never seen before.
    New,
    /// Seen, but its effects never came: an earlier attempt failed.
    Resumed {
        /// Its ledger row, which an earlier copy of the event may have made.
        id: EventId,
    },
    /// Its effects are there, or it was given up, or the same batch brings it twice: it must have no effect.
    Duplicate,
}

impl Admitted {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resumed { .. } => "resumed",
            Self::Duplicate => "duplicate",
        }
    }

    /// The ledger row under which an event, whose own id is `id`, has its effects; none if it must have none.
    pub const fn ledger_id(self, id: EventId) -> Option<EventId> {
        match self {
            Self::New => Some(id),
            Self::Resumed { id } => Some(id),
            Self::Duplicate => None,
        }
    }
}

/// Enters a batch as completed and says, event by event, which of them may have their effects. Those must be written in
/// the same transaction: until it commits, another one with the same event waits here.
///
/// Proved by `an_event_has_its_effects_once_however_often_it_comes` and
/// `two_transactions_with_the_same_event_admit_it_once`.
///
/// # Errors
/// Those of the database; the transaction is then void.
pub async fn admit(
    connection: &mut PgConnection,
    events: &[Event<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Admitted>> {
    let mut by_key: Vec<(usize, &Event<'_>)> = events.iter().enumerate().collect();
    by_key.sort_by(|(_, a), (_, b)| (a.provider, a.key()).cmp(&(b.provider, b.key())));
    let completed = Initial {
        status: Status::Completed,
        error_code: None,
        error_message: None,
        headers: None,
        processed_at: Some(now),
    };
    let mut inserted = insert(connection, &column(&by_key, |(_, event)| *event), &completed).await?;
    let (new, repeats): (Vec<_>, Vec<_>) = by_key
        .into_iter()
        // The same id twice: only the first is new.
        .partition(|(_, event)| inserted.remove(&event.envelope.id.0));
    let mut verdicts: Vec<(usize, Admitted)> = column(&new, |(index, _)| (*index, Admitted::New));
    if !repeats.is_empty() {
        verdicts.extend(settle_repeats(connection, repeats, now).await?);
    }
    verdicts.sort_unstable_by_key(|(index, _)| *index);
    Ok(verdicts.into_iter().map(|(_, admitted)| admitted).collect())
}

/// Takes over the rows whose effects never came, and notes every message that is not the one its row was made from.
async fn settle_repeats<'a>(
    connection: &mut PgConnection,
    repeats: Vec<(usize, &'a Event<'a>)>,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<(usize, Admitted)>> {
    let events = column(&repeats, |(_, event)| *event);
    let mut open = lock_open(connection, &events).await?;
    let mut verdicts = Vec::with_capacity(repeats.len());
    let mut resumed = Vec::new();
    for (index, event) in repeats {
        // Removed, so that a second copy in the same batch finds it completed.
        let admitted = match open.remove(&(event.provider.to_owned(), event.key().into_owned())) {
            Some(id) => {
                resumed.push((id, event.attempt()));
                Admitted::Resumed { id: EventId(id) }
            }
            None => Admitted::Duplicate,
        };
        verdicts.push((index, admitted));
    }
    complete(connection, &resumed, now).await?;
    webhook_event_duplicates::insert(connection, &events).await?;
    Ok(verdicts)
}

/// The rows with the same keys whose effects are still to come, by key. They are locked in the order of their keys, so
/// that two transactions cannot wait crosswise.
///
/// The status is compared as an expression to keep the planner from its index: when many events have just failed, and
/// the statistics do not know yet, it would read all of them for every batch.
async fn lock_open(
    connection: &mut PgConnection,
    events: &[&Event<'_>],
) -> sqlx::Result<HashMap<(String, String), Uuid>> {
    let rows = sqlx::query!(
        "select id, provider, dedup_key
        from webhook_events
        where (provider, dedup_key) in (select provider, dedup_key from unnest($1::text[], $2::text[])
                as repeated (provider, dedup_key))
            and (status || '') in ('received', 'processing', 'failed')
        order by provider, dedup_key
        for update",
        &column(events, |event| event.provider) as _,
        &column(events, |event| event.key()) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.provider, row.dedup_key), row.id)).collect())
}

/// Completes rows that an earlier attempt left open.
async fn complete(
    connection: &mut PgConnection,
    rows: &[(Uuid, i32)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update webhook_events event
        set status = 'completed', attempts = greatest(event.attempts, resumed.attempts), processed_at = $3,
            error_code = null, error_message = null
        from unnest($1::uuid[], $2::integer[]) as resumed (id, attempts)
        where event.id = resumed.id",
        &column(rows, |(id, _)| *id),
        &column(rows, |(_, attempts)| *attempts),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
