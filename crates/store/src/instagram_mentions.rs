//! Posts and comments of others that mention an Instagram account.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, in_order};

/// A mention, in a comment or else in the caption of a post.
#[derive(Debug, Clone, Copy)]
pub struct Mention<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The post.
    pub media_id: Option<&'a str>,
    /// The comment.
    pub comment_id: Option<&'a str>,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Adds mentions; one that is there already stays as it is.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, mentions: &[Mention<'_>]) -> sqlx::Result<()> {
    let mentions = in_order(mentions, |new| (new.account_id, new.comment_id, new.media_id));
    sqlx::query!(
        "insert into instagram_mentions (account_id, place, mention_id, media_id, comment_id, event_id, received_at)
        select account_id, case when comment_id is null then 'caption' else 'comment' end,
            coalesce(comment_id, media_id), media_id, comment_id, event_id, received_at
        from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
            as new (account_id, media_id, comment_id, event_id, received_at)
        on conflict do nothing",
        &column(&mentions, |new| new.account_id) as _,
        &column(&mentions, |new| new.media_id) as _,
        &column(&mentions, |new| new.comment_id) as _,
        &column(&mentions, |new| new.event_id.0),
        &column(&mentions, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
