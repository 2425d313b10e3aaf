//! Comments, each as its newest record describes it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    column,
    scraped::{Media, Provenance, json_media, json_texts, newest_of_each},
    text::{indexed, storable},
};

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment<'a> {
    /// Where it stands.
    pub platform: &'static str,
    /// The platform's id.
    pub external_id: String,
    /// Its address.
    pub url: Option<String>,
    /// Id of the post.
    pub post_id: Option<String>,
    /// Address of the post.
    pub post_url: Option<String>,
    /// Handle of the post's author.
    pub post_author: Option<String>,
    /// Comment that it answers.
    pub parent_id: Option<String>,
    /// Whether it answers a comment.
    pub is_reply: Option<bool>,
    /// Handle or name of its author.
    pub author: Option<String>,
    /// The platform's id of the author.
    pub author_id: Option<String>,
    /// The author's address.
    pub author_url: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// When it was published.
    pub posted_at: Option<OffsetDateTime>,
    /// Likes.
    pub likes: Option<i64>,
    /// Answers.
    pub replies: Option<i64>,
    /// Pictures and films.
    pub media: Vec<Media>,
    /// Hashtags, as the platform spells them.
    pub hashtags: Vec<String>,
    /// Where all this comes from.
    pub provenance: Provenance<'a>,
}

/// Stores each as its newest record describes it, whole; an older record never overwrites a newer one. The result is the
/// same in whatever order records come, and however often. Proved by
/// `a_comment_and_a_profile_are_what_their_newest_records_say`.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, records: &[Comment<'_>]) -> sqlx::Result<()> {
    let newest =
        newest_of_each(records, |new| (new.platform, storable(&new.external_id)), |new| &new.provenance);
    if newest.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into social_comments (
            platform, external_id, url, post_id, post_url, post_author, parent_id, is_reply, author, author_id,
            author_url, text, posted_at, likes, replies, media, hashtags, warning_code, warning, refused_fields,
            snapshot_id, collected_at, last_event_id, first_seen_at, last_seen_at, raw)
        select
            platform, external_id, url, post_id, post_url, post_author, parent_id, is_reply, author, author_id,
            author_url, text, posted_at, likes, replies, media, hashtags, warning_code, warning, refused_fields,
            snapshot_id, collected_at, last_event_id, seen_at, seen_at, raw
        from unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[], $15::bigint[],
            $16::jsonb[], $17::jsonb[], $18::text[], $19::text[], $20::jsonb[], $21::text[], $22::timestamptz[],
            $23::uuid[], $24::timestamptz[], $25::bytea[])
        as new (
            platform, external_id, url, post_id, post_url, post_author, parent_id, is_reply, author, author_id,
            author_url, text, posted_at, likes, replies, media, hashtags, warning_code, warning, refused_fields,
            snapshot_id, collected_at, last_event_id, seen_at, raw)
        on conflict on constraint social_comments_pkey do update set
            url = excluded.url,
            post_id = excluded.post_id,
            post_url = excluded.post_url,
            post_author = excluded.post_author,
            parent_id = excluded.parent_id,
            is_reply = excluded.is_reply,
            author = excluded.author,
            author_id = excluded.author_id,
            author_url = excluded.author_url,
            text = excluded.text,
            posted_at = excluded.posted_at,
            likes = excluded.likes,
            replies = excluded.replies,
            media = excluded.media,
            hashtags = excluded.hashtags,
            warning_code = excluded.warning_code,
            warning = excluded.warning,
            refused_fields = excluded.refused_fields,
            snapshot_id = excluded.snapshot_id,
            collected_at = excluded.collected_at,
            last_event_id = excluded.last_event_id,
            last_seen_at = excluded.last_seen_at,
            raw = excluded.raw
        where (social_comments.collected_at, social_comments.raw) < (excluded.collected_at, excluded.raw)",
        &column(&newest, |new| new.platform) as _,
        &column(&newest, |new| storable(&new.external_id)) as _,
        &column(&newest, |new| new.url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.post_id.as_deref().map(indexed)) as _,
        &column(&newest, |new| new.post_url.as_deref().map(indexed)) as _,
        &column(&newest, |new| new.post_author.as_deref().map(storable)) as _,
        &column(&newest, |new| new.parent_id.as_deref().map(storable)) as _,
        &column(&newest, |new| new.is_reply) as _,
        &column(&newest, |new| new.author.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author_id.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author_url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.text.as_deref().map(storable)) as _,
        &column(&newest, |new| new.posted_at) as _,
        &column(&newest, |new| new.likes) as _,
        &column(&newest, |new| new.replies) as _,
        &column(&newest, |new| json_media(&new.media)) as _,
        &column(&newest, |new| json_texts(&new.hashtags)) as _,
        &column(&newest, |new| new.provenance.warning_code.as_deref().map(storable)) as _,
        &column(&newest, |new| new.provenance.warning.as_deref().map(storable)) as _,
        &column(&newest, |new| json_texts(&new.provenance.refused_fields)) as _,
        &column(&newest, |new| new.provenance.snapshot_id.map(storable)) as _,
        &column(&newest, |new| new.provenance.collected_at),
        &column(&newest, |new| new.provenance.event_id.0),
        &column(&newest, |new| new.provenance.received_at),
        &column(&newest, |new| new.provenance.raw) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
