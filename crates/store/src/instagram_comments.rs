//! Comments on an Instagram account's media.

use contract::{EventId, instagram::payload::Comment};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// A comment as one event describes it.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The comment.
    pub comment: &'a Comment,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Stores comments as their newest event describes them; one that came as live stays live. Accounts' handles must be
/// learned before, so that mentions of them are seen.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, comments: &[Written<'_>]) -> sqlx::Result<()> {
    let comments = newest_of_each(
        comments,
        |new| (new.account_id, new.comment.id.as_str()),
        |new| (new.comment.is_live, new.received_at, new.event_id),
    );
    sqlx::query!(
        "insert into instagram_comments as kept (account_id, comment_id, parent_id, media_id, media_product_type,
            original_media_id, ad_id, ad_title, from_id, from_username, text, is_live, is_own, mentioned_usernames,
            mentions_account, event_id, received_at)
        select new.account_id, comment_id, parent_id, media_id, media_product_type, original_media_id, ad_id, ad_title,
            from_id, from_username, text, is_live, is_own, string_to_array(mentioned, ','),
            coalesce(account.username = any(string_to_array(mentioned, ',')), false), event_id, received_at
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::boolean[], $13::boolean[], $14::text[], $15::uuid[],
            $16::timestamptz[])
        as new (account_id, comment_id, parent_id, media_id, media_product_type, original_media_id, ad_id, ad_title,
            from_id, from_username, text, is_live, is_own, mentioned, event_id, received_at)
        left join instagram_accounts account on account.account_id = new.account_id
        on conflict on constraint instagram_comments_pkey do update set
            parent_id = excluded.parent_id,
            media_id = excluded.media_id,
            media_product_type = excluded.media_product_type,
            original_media_id = excluded.original_media_id,
            ad_id = excluded.ad_id,
            ad_title = excluded.ad_title,
            from_id = excluded.from_id,
            from_username = excluded.from_username,
            text = excluded.text,
            is_live = excluded.is_live,
            is_own = excluded.is_own,
            mentioned_usernames = excluded.mentioned_usernames,
            mentions_account = excluded.mentions_account,
            event_id = excluded.event_id,
            received_at = excluded.received_at
        where (kept.is_live, kept.received_at, kept.event_id)
            < (excluded.is_live, excluded.received_at, excluded.event_id)",
        &column(&comments, |new| new.account_id) as _,
        &column(&comments, |new| new.comment.id.as_str()) as _,
        &column(&comments, |new| new.comment.parent_id.as_deref()) as _,
        &column(&comments, |new| new.comment.media_id.as_deref()) as _,
        &column(&comments, |new| new.comment.media_product_type.as_deref()) as _,
        &column(&comments, |new| new.comment.original_media_id.as_deref()) as _,
        &column(&comments, |new| new.comment.ad_id.as_deref()) as _,
        &column(&comments, |new| new.comment.ad_title.as_deref()) as _,
        &column(&comments, |new| new.comment.from_id.as_deref()) as _,
        &column(&comments, |new| new.comment.from_username.as_deref()) as _,
        &column(&comments, |new| new.comment.text.as_deref()) as _,
        &column(&comments, |new| new.comment.is_live),
        &column(&comments, |new| new.comment.is_own(new.account_id)),
        // Handles hold no comma.
        &column(&comments, |new| new.comment.mentioned_usernames().join(",")) as _,
        &column(&comments, |new| new.event_id.0),
        &column(&comments, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
