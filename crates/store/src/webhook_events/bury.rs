//! Giving up events about which their consumer said nothing more: the broker gave up first.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{ERROR_MAX_BYTES, Event, Initial, Status, insert};
use crate::{column, text::bounded, webhook_event_duplicates};

/// An event that will not be delivered again.
#[derive(Debug, Clone)]
pub struct Abandoned<'a> {
    /// The event.
    pub event: Event<'a>,
    /// Why, in one word.
    pub code: &'a str,
    /// What to say where the ledger has no error of its own.
    pub error: &'a str,
}

/// What the ledger says of an event that will not be delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is dead now.
    Buried(Grave),
    /// It was dead before.
    WasDead(Grave),
    /// It is completed, or repeats another event: nobody misses it.
    Settled,
}

/// A dead event's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grave {
    /// The row: that of the copy which came first.
    pub id: EventId,
    /// Times it was handled.
    pub attempts: i32,
    /// Why it was given up.
    pub code: String,
    /// What the last attempt said.
    pub error: String,
    /// When it failed first.
    pub first_failed_at: OffsetDateTime,
    /// When it was given up.
    pub last_failed_at: OffsetDateTime,
    /// Trace in which it was handled.
    pub trace_id: Option<String>,
}

/// Gives up those events that are not settled, and says what became of each. What is completed stays completed: an
/// advisory may come late, or twice, or although the event was committed and only its acknowledgement was lost. Proved by
/// `an_event_that_is_done_cannot_be_buried`.
///
/// # Errors
/// Those of the database; the transaction is then void.
pub async fn bury(
    connection: &mut PgConnection,
    abandoned: &[Abandoned<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Fate>> {
    let mut rows = lock(connection, abandoned).await?;
    let unknown: Vec<_> = abandoned.iter().filter(|lost| !rows.contains_key(&key(&lost.event))).collect();
    let mut entered = HashSet::new();
    if !unknown.is_empty() {
        entered = enter(connection, &unknown, now).await?;
        // Read back: another transaction may have entered some of them in this very moment.
        rows.extend(lock(connection, unknown.iter().copied()).await?);
    }
    let open: Vec<_> = abandoned
        .iter()
        .filter_map(|lost| Some((lost, rows.get(&key(&lost.event)).filter(|row| row.is_open())?)))
        .collect();
    close(connection, &open, now).await?;
    let events = column(abandoned, |lost| &lost.event);
    webhook_event_duplicates::insert(connection, &events).await?;
    let fate = |lost: &Abandoned<'_>| match rows.get(&key(&lost.event)) {
        Some(row) if row.is_open() => Fate::Buried(row.buried(lost, now)),
        Some(row) if row.status == Status::DeadLetter => {
            let grave = row.grave(now);
            if entered.contains(&grave.id.0) { Fate::Buried(grave) } else { Fate::WasDead(grave) }
        }
        // No row at all: it repeats a lead's event under another key.
        Some(_) | None => Fate::Settled,
    };
    Ok(abandoned.iter().map(fate).collect())
}

type Key = (String, String);

fn key(event: &Event<'_>) -> Key {
    (event.provider.to_owned(), event.key().into_owned())
}

struct Row {
    id: Uuid,
    provider: String,
    dedup_key: String,
    status: Status,
    attempts: i32,
    error_code: Option<String>,
    error_message: Option<String>,
    created_at: OffsetDateTime,
    processed_at: Option<OffsetDateTime>,
    trace_id: Option<String>,
}

impl Row {
    fn is_open(&self) -> bool {
        matches!(self.status, Status::Received | Status::Processing | Status::Failed)
    }

    fn grave(&self, now: OffsetDateTime) -> Grave {
        let last_failed_at = self.processed_at.unwrap_or(now);
        Grave {
            id: EventId(self.id),
            attempts: self.attempts,
            code: self.error_code.clone().unwrap_or_default(),
            error: self.error_message.clone().unwrap_or_default(),
            first_failed_at: self.created_at.min(last_failed_at),
            last_failed_at,
            trace_id: self.trace_id.clone(),
        }
    }

    /// As it is once it is closed.
    fn buried(&self, lost: &Abandoned<'_>, now: OffsetDateTime) -> Grave {
        let error = self.error_message.clone().unwrap_or_else(|| lost.error.to_owned());
        let attempts = self.attempts.max(lost.event.attempt());
        Grave { code: lost.code.to_owned(), error, attempts, ..self.grave(now) }
    }
}

/// The rows with the events' keys, locked in the order of their keys.
async fn lock<'a>(
    connection: &mut PgConnection,
    abandoned: impl IntoIterator<Item = &'a Abandoned<'a>>,
) -> sqlx::Result<HashMap<Key, Row>> {
    let (providers, keys): (Vec<_>, Vec<_>) = abandoned.into_iter().map(|lost| key(&lost.event)).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, provider, dedup_key, status as "status: Status", attempts, error_code, error_message, created_at,
            processed_at, trace_id
        from webhook_events
        where (provider, dedup_key) in (select provider, dedup_key from unnest($1::text[], $2::text[])
            as abandoned (provider, dedup_key))
        order by provider, dedup_key
        for update"#,
        &providers,
        &keys,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.provider.clone(), row.dedup_key.clone()), row)).collect())
}

/// Enters events that the ledger has never seen, dead from the start, and says which it took.
async fn enter(
    connection: &mut PgConnection,
    unknown: &[&Abandoned<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<HashSet<Uuid>> {
    let mut entered = HashSet::new();
    let mut by_reason: BTreeMap<(&str, &str), Vec<&Event<'_>>> = BTreeMap::new();
    for lost in unknown {
        by_reason.entry((lost.code, lost.error)).or_default().push(&lost.event);
    }
    for ((code, error), mut events) in by_reason {
        events.sort_by_key(|event| key(event));
        let dead = Initial {
            status: Status::DeadLetter,
            error_code: Some(code),
            error_message: Some(&bounded(error, ERROR_MAX_BYTES)),
            headers: None,
            processed_at: Some(now),
        };
        entered.extend(insert(connection, &events, &dead).await?);
    }
    Ok(entered)
}

/// Closes rows that an attempt left open; their own error says more than ours.
async fn close(
    connection: &mut PgConnection,
    open: &[(&Abandoned<'_>, &Row)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update webhook_events event
        set status = 'dead_letter', attempts = greatest(event.attempts, given_up.attempts), processed_at = $5,
            error_code = given_up.code, error_message = coalesce(event.error_message, given_up.error)
        from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[]) as given_up (id, attempts, code, error)
        where event.id = given_up.id",
        &column(open, |(_, row)| row.id),
        &column(open, |(lost, _)| lost.event.attempt()),
        &column(open, |(lost, _)| lost.code) as _,
        &column(open, |(lost, _)| bounded(lost.error, ERROR_MAX_BYTES)) as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
