//! Taps on buttons in Instagram conversations.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, in_order};

/// A tap on a button.
#[derive(Debug, Clone, Copy)]
pub struct Postback<'a> {
    /// The account.
    pub account_id: &'a str,
    /// What tells it from others.
    pub postback_id: &'a str,
    /// Its message.
    pub mid: Option<&'a str>,
    /// The user of the conversation.
    pub participant_id: Option<&'a str>,
    /// Who tapped.
    pub sender_id: Option<&'a str>,
    /// What the button says.
    pub title: Option<&'a str>,
    /// What it means.
    pub payload: Option<&'a str>,
    /// When, by Meta's clock.
    pub sent_at: OffsetDateTime,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Adds taps; one that is there already stays as it is.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, postbacks: &[Postback<'_>]) -> sqlx::Result<()> {
    let postbacks = in_order(postbacks, |new| (new.account_id, new.postback_id));
    sqlx::query!(
        "insert into instagram_postbacks (account_id, postback_id, mid, participant_id, sender_id, title, payload,
            sent_at, event_id, received_at)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::uuid[], $10::timestamptz[])
        on conflict do nothing",
        &column(&postbacks, |new| new.account_id) as _,
        &column(&postbacks, |new| new.postback_id) as _,
        &column(&postbacks, |new| new.mid) as _,
        &column(&postbacks, |new| new.participant_id) as _,
        &column(&postbacks, |new| new.sender_id) as _,
        &column(&postbacks, |new| new.title) as _,
        &column(&postbacks, |new| new.payload) as _,
        &column(&postbacks, |new| new.sent_at),
        &column(&postbacks, |new| new.event_id.0),
        &column(&postbacks, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
