//! How far each reader has read an Instagram conversation.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// Somebody read up to a message.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The user of the conversation.
    pub participant_id: &'a str,
    /// Who read.
    pub reader_id: &'a str,
    /// The message.
    pub mid: Option<&'a str>,
    /// When, by Meta's clock.
    pub seen_at: OffsetDateTime,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Moves readers forward, never back. Proved by `what_was_seen_is_never_unseen`.
///
/// # Errors
/// Those of the database.
pub async fn advance(connection: &mut PgConnection, seen: &[Seen<'_>]) -> sqlx::Result<()> {
    let seen = newest_of_each(
        seen,
        |seen| (seen.account_id, seen.participant_id, seen.reader_id),
        |seen| (seen.seen_at, seen.event_id),
    );
    sqlx::query!(
        "insert into instagram_seen as kept
            (account_id, participant_id, reader_id, last_mid, seen_at, event_id, received_at)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[],
            $7::timestamptz[])
        on conflict on constraint instagram_seen_pkey do update set
            last_mid = excluded.last_mid,
            seen_at = excluded.seen_at,
            event_id = excluded.event_id,
            received_at = excluded.received_at
        where (kept.seen_at, kept.event_id) < (excluded.seen_at, excluded.event_id)",
        &column(&seen, |new| new.account_id) as _,
        &column(&seen, |new| new.participant_id) as _,
        &column(&seen, |new| new.reader_id) as _,
        &column(&seen, |new| new.mid) as _,
        &column(&seen, |new| new.seen_at),
        &column(&seen, |new| new.event_id.0),
        &column(&seen, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
