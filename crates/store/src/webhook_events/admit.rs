//! Admission: which events of a batch may have their effects. The heart of "once in effect".

mod lock;
mod replays;

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Event, Initial, Status, insert};
use crate::{column, webhook_event_duplicates};
use lock::{Locked, lock};

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
    /// Another event had the effects in its place: it replays what is completed, or a replay of it came first. It must
    /// have none, and is completed all the same.
    Moot,
}

impl Admitted {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resumed { .. } => "resumed",
            Self::Duplicate => "duplicate",
            Self::Moot => "moot",
        }
    }

    /// Whether the event may have its effects.
    pub const fn has_effects(self) -> bool {
        matches!(self, Self::New | Self::Resumed { .. })
    }

    /// The ledger row under which an event, whose own id is `id`, has its effects; none if it must have none.
    pub const fn ledger_id(self, id: EventId) -> Option<EventId> {
        match self {
            Self::New => Some(id),
            Self::Resumed { id } => Some(id),
            Self::Duplicate | Self::Moot => None,
        }
    }
}

/// Enters a batch as completed and says, event by event, which of them may have their effects. Those must be written in
/// the same transaction: until it commits, another one with the same event waits here.
///
/// Of an event and all its replays one has effects, which the lock on the row of the original decides; a replay that is
/// told to force them has them in any case. Proved by `an_event_has_its_effects_once_however_often_it_comes`,
/// `two_transactions_with_the_same_event_admit_it_once` and the tests of `replayed.rs`.
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
    let mut locked = lock(connection, &column(&repeats, |(_, event)| *event), events).await?;
    if !repeats.is_empty() {
        verdicts.extend(settle_repeats(connection, repeats, &mut locked, now).await?);
    }
    verdicts.sort_unstable_by_key(|(index, _)| *index);
    let mut verdicts: Vec<_> = verdicts.into_iter().map(|(_, admitted)| admitted).collect();
    replays::decide(connection, events, &mut verdicts, locked).await?;
    Ok(verdicts)
}

/// Takes over the rows whose effects never came, and notes every message that is not the one its row was made from.
async fn settle_repeats<'a>(
    connection: &mut PgConnection,
    repeats: Vec<(usize, &'a Event<'a>)>,
    locked: &mut Locked,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<(usize, Admitted)>> {
    let events = column(&repeats, |(_, event)| *event);
    let mut verdicts = Vec::with_capacity(repeats.len());
    let mut resumed = Vec::new();
    for (index, event) in repeats {
        // Removed, so that a second copy in the same batch finds it completed.
        let admitted = match locked.open.remove(&(event.provider.to_owned(), event.key().into_owned())) {
            Some(row) => {
                resumed.push((row.id, event.attempt()));
                if row.effects_by.is_some() {
                    // A replay of it came first.
                    Admitted::Moot
                } else {
                    locked.effects.insert(row.id, Some(row.id));
                    Admitted::Resumed { id: EventId(row.id) }
                }
            }
            None => Admitted::Duplicate,
        };
        verdicts.push((index, admitted));
    }
    complete(connection, &resumed, now).await?;
    webhook_event_duplicates::insert(connection, &events).await?;
    Ok(verdicts)
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
