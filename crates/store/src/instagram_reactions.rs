//! Reactions to Instagram messages, each as its newest change left it.

use contract::{EventId, instagram::payload::Reaction};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// A reaction given or taken back.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The message.
    pub mid: &'a str,
    /// Who reacts.
    pub sender_id: &'a str,
    /// The user of the conversation.
    pub participant_id: Option<&'a str>,
    /// The reaction; `None` takes it back.
    pub reaction: Option<&'a Reaction>,
    /// When, by Meta's clock.
    pub at: OffsetDateTime,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Applies changes; an older one never undoes a newer one, and of two at one instant the one that takes back stays.
/// Proved by `a_reaction_that_was_taken_back_before_it_came_stays_taken_back`.
///
/// # Errors
/// Those of the database.
pub async fn change(connection: &mut PgConnection, changes: &[Change<'_>]) -> sqlx::Result<()> {
    let changes = newest_of_each(
        changes,
        |change| (change.account_id, change.mid, change.sender_id),
        |change| (change.at, change.reaction.is_none(), change.event_id),
    );
    sqlx::query!(
        "insert into instagram_reactions as kept (account_id, mid, sender_id, participant_id, is_active, reaction,
            emoji, changed_at, event_id, received_at)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[],
            $8::timestamptz[], $9::uuid[], $10::timestamptz[])
        on conflict on constraint instagram_reactions_pkey do update set
            participant_id = excluded.participant_id,
            is_active = excluded.is_active,
            reaction = excluded.reaction,
            emoji = excluded.emoji,
            changed_at = excluded.changed_at,
            event_id = excluded.event_id,
            received_at = excluded.received_at
        where (kept.changed_at, not kept.is_active, kept.event_id)
            < (excluded.changed_at, not excluded.is_active, excluded.event_id)",
        &column(&changes, |new| new.account_id) as _,
        &column(&changes, |new| new.mid) as _,
        &column(&changes, |new| new.sender_id) as _,
        &column(&changes, |new| new.participant_id) as _,
        &column(&changes, |new| new.reaction.is_some()),
        &column(&changes, |new| new.reaction.and_then(|reaction| reaction.reaction.as_deref())) as _,
        &column(&changes, |new| new.reaction.and_then(|reaction| reaction.emoji.as_deref())) as _,
        &column(&changes, |new| new.at),
        &column(&changes, |new| new.event_id.0),
        &column(&changes, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
