//! The numbers of Instagram stories that ended.

use contract::{EventId, instagram::payload::StoryInsights};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// The numbers of one story.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The numbers.
    pub insights: &'a StoryInsights,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Stores each story's newest numbers.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, counted: &[Counted<'_>]) -> sqlx::Result<()> {
    let counted = newest_of_each(
        counted,
        |new| (new.account_id, new.insights.media_id.as_str()),
        |new| (new.received_at, new.event_id),
    );
    sqlx::query!(
        "insert into instagram_story_insights as kept (account_id, media_id, exits, replies, reach, taps_forward,
            taps_back, impressions, details, event_id, received_at)
        select account_id, media_id, exits, replies, reach, taps_forward, taps_back, impressions, details::jsonb,
            event_id, received_at
        from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[], $10::uuid[], $11::timestamptz[])
        as new (account_id, media_id, exits, replies, reach, taps_forward, taps_back, impressions, details, event_id,
            received_at)
        on conflict on constraint instagram_story_insights_pkey do update set
            exits = excluded.exits,
            replies = excluded.replies,
            reach = excluded.reach,
            taps_forward = excluded.taps_forward,
            taps_back = excluded.taps_back,
            impressions = excluded.impressions,
            details = excluded.details,
            event_id = excluded.event_id,
            received_at = excluded.received_at
        where (kept.received_at, kept.event_id) < (excluded.received_at, excluded.event_id)",
        &column(&counted, |new| new.account_id) as _,
        &column(&counted, |new| new.insights.media_id.as_str()) as _,
        &column(&counted, |new| new.insights.exits) as _,
        &column(&counted, |new| new.insights.replies) as _,
        &column(&counted, |new| new.insights.reach) as _,
        &column(&counted, |new| new.insights.taps_forward) as _,
        &column(&counted, |new| new.insights.taps_back) as _,
        &column(&counted, |new| new.insights.impressions) as _,
        &column(&counted, |new| Value::to_string(&new.insights.details)) as _,
        &column(&counted, |new| new.event_id.0),
        &column(&counted, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
