//! What may be replayed: events of the ledger, or dead letters of any consumer.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// An event that was selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The event.
    pub event_id: Uuid,
    /// The original at the beginning of its chain of replays.
    pub root_id: Uuid,
    /// The consumer that gave it up, if a dead letter was selected.
    pub consumer: Option<String>,
    /// Its stream.
    pub stream: String,
    /// What happened.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// What became of it.
    pub status: String,
    /// Why it was given up, in one word.
    pub reason_code: Option<String>,
    /// Why the edge refused it, if it did: it can never succeed as it is.
    pub rejected: Option<String>,
    /// Its body was removed: erased for a person, or by retention.
    pub is_erased: bool,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// The events of these ids that the ledger knows, by id.
///
/// # Errors
/// Those of the database.
pub async fn candidates(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_as!(
        Candidate,
        r#"select event.id as event_id, coalesce(event.replay_root, event.id) as "root_id!", null::text as consumer,
            event.stream, event.event_type, event.subject, event.status, event.error_code as reason_code,
            (select header.value ->> 1
                from dead_letters letter, jsonb_array_elements(letter.headers) as header
                where letter.event_id = event.id and header.value ->> 0 = 'weir-rejected'
                limit 1) as rejected,
            event.erased_at is not null as "is_erased!", event.received_at
        from webhook_events event
        where event.id = any($1)
        order by event.id"#,
        ids,
    )
    .fetch_all(connection)
    .await
}

/// The dead letters of these ids, by id.
///
/// # Errors
/// Those of the database.
pub async fn candidates_of_letters(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_as!(
        Candidate,
        r#"select letter.event_id, coalesce(event.replay_root, item.root_id, letter.event_id) as "root_id!",
            letter.consumer as "consumer?", letter.stream, letter.event_type, letter.subject, letter.status,
            letter.reason_code as "reason_code?",
            (select header.value ->> 1
                from jsonb_array_elements(letter.headers) as header
                where header.value ->> 0 = 'weir-rejected'
                limit 1) as rejected,
            event.erased_at is not null as "is_erased!", letter.received_at
        from dead_letters letter
        left join webhook_events event on event.id = letter.event_id
        left join replay_items item on item.replay_id = letter.event_id
        where letter.id = any($1)
        order by letter.id"#,
        ids,
    )
    .fetch_all(connection)
    .await
}

/// The dead letters that are called by their own id or that of their event: what was called, and the dead letter.
///
/// # Errors
/// Those of the database.
pub async fn letters_named(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"select case when id = any($1) then id else event_id end as "named!", id
        from dead_letters
        where id = any($1) or event_id = any($1)
        order by id"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.named, row.id)).collect())
}
