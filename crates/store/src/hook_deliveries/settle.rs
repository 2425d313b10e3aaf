//! Writing down what became of an attempt, and of the event as a whole.

use std::time::Duration;

use contract::{Code, Envelope, EventId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Attempt, Outcome, claim::pairs};
use crate::{
    dead_letters::{self, FoundBy, NewDeadLetter},
    event_handlings,
    text::bounded,
    webhook_events::{ERROR_MAX_BYTES, Event, Position, Reason},
};

/// What an attempt means for its event.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<'a> {
    /// The hook has it.
    Delivered,
    /// It is tried again after `wait`. Whether the attempt counts.
    Again {
        /// How long.
        wait: Duration,
        /// Whether it counts.
        counts: bool,
    },
    /// Given up.
    Dead {
        /// Why, in one word.
        code: Code,
        /// Why, in full; names the hook, and nothing of its URL.
        error: &'a str,
    },
}

/// What became of the event as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Other hooks still wait for it.
    Open,
    /// Every hook has it.
    Completed,
    /// A hook does not get it; it is a dead letter.
    Dead,
}

/// Commits an attempt and what it means. Call it in a transaction of its own.
///
/// The event's handling is completed with its last delivery, and dead, with a dead letter, with the first one that is
/// given up; other hooks still get it then.
///
/// # Errors
/// Those of the database.
pub async fn settle(
    connection: &mut PgConnection,
    attempt: &Attempt,
    verdict: Verdict<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Settled> {
    let (event_id, hook_id) = (attempt.event_id, attempt.hook_id);
    // Deliveries of one event are settled one after the other: the last one must see that it is the last. Whoever adds a
    // delivery at this moment need not wait.
    sqlx::query!("select event_id from hook_events where event_id = $1 for no key update", event_id)
        .fetch_optional(&mut *connection)
        .await?;
    note(connection, attempt).await?;
    let (status, wait, code, error, counts) = match verdict {
        Verdict::Delivered => ("delivered", None, None, None, true),
        // What need not wait keeps its place in the queue.
        Verdict::Again { wait, counts } => (
            "pending",
            Some(wait).filter(|wait| !wait.is_zero()),
            attempt.error_code.as_deref(),
            attempt.error_message.as_deref(),
            counts,
        ),
        Verdict::Dead { code, error } => ("dead", None, Some(code.as_str()), Some(error), true),
    };
    let message = error.map(|error| bounded(error, ERROR_MAX_BYTES));
    let updated = sqlx::query!(
        "update hook_deliveries
        set status = $3, claimed_until = null, attempts = attempts + $4, error_code = $5, error_message = $6,
            due_at = coalesce(statement_timestamp() + $7::bigint * interval '1 millisecond', due_at),
            first_tried_at = coalesce(first_tried_at, $9),
            finished_at = case when $3 <> 'pending' then $8::timestamptz end
        where event_id = $1 and hook_id = $2 and status = 'pending'",
        event_id,
        hook_id,
        status,
        i32::from(counts),
        code,
        message.as_deref(),
        wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        now,
        attempt.started_at,
    )
    .execute(&mut *connection)
    .await?;
    if updated.rows_affected() == 0 {
        // Another process had taken over and was faster, or the hook is gone.
        return Ok(Settled::Open);
    }
    match verdict {
        Verdict::Delivered => complete(connection, event_id, now).await,
        Verdict::Again { .. } => Ok(Settled::Open),
        Verdict::Dead { code, error } => {
            bury(connection, event_id, code, error, now).await?;
            Ok(Settled::Dead)
        }
    }
}

/// Completes the handling of an event that no hook waits for any more.
async fn complete(
    connection: &mut PgConnection,
    event_id: Uuid,
    now: OffsetDateTime,
) -> sqlx::Result<Settled> {
    let row = sqlx::query!(
        r#"select event.consumer, bool_or(delivery.status = 'pending') as "is_open!",
            bool_or(delivery.status = 'dead') as "is_dead!"
        from hook_events event
        join hook_deliveries delivery using (event_id)
        where event_id = $1
        group by event.consumer"#,
        event_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    if row.is_open {
        return Ok(Settled::Open);
    }
    if row.is_dead {
        return Ok(Settled::Dead);
    }
    event_handlings::complete(connection, &row.consumer, &[EventId(event_id)], now).await?;
    Ok(Settled::Completed)
}

/// Gives an event up as a whole, with its dead letter.
async fn bury(
    connection: &mut PgConnection,
    event_id: Uuid,
    code: Code,
    error: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let row = sqlx::query!(
        r#"select event.consumer, event.provider, event.body, event.headers, event.stream, event.stream_subject,
            event.stream_sequence, event.received_at, handling.trace_id as "trace_id?",
            (select max(attempts) from hook_deliveries where event_id = $1) as "attempts!",
            (select min(first_tried_at) from hook_deliveries where event_id = $1) as first_tried_at
        from hook_events event
        left join event_handlings handling
            on handling.event_id = event.event_id and handling.consumer = event.consumer
        where event.event_id = $1"#,
        event_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    let headers = pairs(&row.headers);
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let sequence = row.stream_sequence.unsigned_abs();
    // It was one of ours when it came, so it still is.
    let envelope = Envelope::parse(header).unwrap_or_else(|_| Envelope {
        id: EventId(event_id),
        ..Envelope::unknown(&row.stream, sequence, row.received_at)
    });
    let attempts = u64::try_from(row.attempts).unwrap_or_default();
    let position = Position { stream: &row.stream, subject: &row.stream_subject, sequence };
    let event = Event {
        provider: &row.provider,
        envelope: &envelope,
        body: &row.body,
        lead_id: None,
        updated_at: None,
        position,
        attempt: attempts,
        trace_id: row.trace_id.clone(),
    };
    let reason = Reason { code, error, headers: None };
    if !event_handlings::record_dead(connection, &row.consumer, &event, reason, now).await? {
        return Ok(());
    }
    let letter = NewDeadLetter {
        event_id,
        consumer: &row.consumer,
        provider: &row.provider,
        envelope: &envelope,
        dedup_key: &event.key(),
        body: Some(&row.body),
        headers: Some(&headers),
        position,
        attempts,
        reason_code: code.as_str(),
        last_error: Some(error),
        first_failed_at: row.first_tried_at.unwrap_or(now),
        last_failed_at: now,
        trace_id: row.trace_id.as_deref(),
        found_by: FoundBy::Verdict,
    };
    dead_letters::record(connection, &[letter]).await?;
    Ok(())
}

/// Takes up to `rows_max` events out of a hook's queue for good, since the hook is to be removed. Says how many; call it
/// until that is none.
///
/// # Errors
/// Those of the database.
pub async fn skip(
    connection: &mut PgConnection,
    hook_id: Uuid,
    rows_max: i64,
    now: OffsetDateTime,
) -> sqlx::Result<usize> {
    let events = sqlx::query_scalar!(
        "select event.event_id
        from hook_deliveries delivery
        join hook_events event using (event_id)
        where delivery.hook_id = $1 and delivery.status = 'pending'
        order by event.event_id
        limit $2
        for no key update of event",
        hook_id,
        rows_max,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "update hook_deliveries set status = 'skipped', claimed_until = null, finished_at = $3
        where hook_id = $1 and event_id = any($2) and status = 'pending'",
        hook_id,
        &events,
        now,
    )
    .execute(&mut *connection)
    .await?;
    for event_id in &events {
        complete(connection, *event_id, now).await?;
    }
    Ok(events.len())
}

async fn note(connection: &mut PgConnection, attempt: &Attempt) -> sqlx::Result<()> {
    const EXCERPT_MAX_BYTES: usize = 1_000;
    let error = attempt.error_message.as_deref().map(|error| bounded(error, ERROR_MAX_BYTES));
    let excerpt = attempt.response_excerpt.as_deref().map(|text| bounded(text, EXCERPT_MAX_BYTES));
    sqlx::query!(
        "insert into hook_attempts (event_id, hook_id, number, started_at, duration_ms, outcome, status_code, error_code,
            error_message, response_excerpt)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        attempt.event_id,
        attempt.hook_id,
        attempt.number,
        attempt.started_at,
        attempt.duration_ms,
        Outcome::as_str(attempt.outcome),
        attempt.status_code,
        attempt.error_code,
        error.as_deref(),
        excerpt.as_deref(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
