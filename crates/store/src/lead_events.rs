//! Every event applied to a lead, late ones included.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, text::storable};

/// One event applied to a lead.
#[derive(Debug, Clone, Copy)]
pub struct LeadEvent<'a> {
    /// Ledger row of the event.
    pub event_id: EventId,
    /// The lead.
    pub lead_id: &'a str,
    /// What happened, in our words.
    pub event_type: &'a str,
    /// What happened, in C2S's words.
    pub hook_action: Option<&'a str>,
    /// When C2S changed the lead.
    pub updated_at: OffsetDateTime,
    /// Status of the lead then.
    pub status_alias: Option<&'a str>,
    /// When the edge received the event.
    pub received_at: OffsetDateTime,
}

/// Adds events; one about the same lead and instant (a replay of an event that had its effect) adds nothing.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, events: &[LeadEvent<'_>]) -> sqlx::Result<()> {
    let mut by_lead = events.to_vec();
    // Two transactions with the same leads wait for each other instead of deadlocking.
    by_lead.sort_by_key(|event| (event.lead_id, event.updated_at));
    sqlx::query!(
        "insert into lead_events (event_id, lead_id, event_type, hook_action, updated_at, status_alias, received_at)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
            $7::timestamptz[])
        on conflict do nothing",
        &column(&by_lead, |event| event.event_id.0),
        &column(&by_lead, |event| storable(event.lead_id)) as _,
        &column(&by_lead, |event| storable(event.event_type)) as _,
        &column(&by_lead, |event| event.hook_action.map(storable)) as _,
        &column(&by_lead, |event| event.updated_at),
        &column(&by_lead, |event| event.status_alias.map(storable)) as _,
        &column(&by_lead, |event| event.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
