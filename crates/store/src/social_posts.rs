//! Posts, reels, stories and videos, each as its newest record describes it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    column,
    scraped::{Media, Provenance, Reaction, json_media, json_reactions, json_texts, newest_of_each},
    text::{indexed, storable},
};

/// A post, reel, story or video.
#[derive(Debug, Clone)]
pub struct Post<'a> {
    /// Where it stands.
    pub platform: &'static str,
    /// Posts, reels, stories or videos.
    pub kind: &'static str,
    /// The platform's id.
    pub external_id: String,
    /// Its short id, as in its address.
    pub shortcode: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// Handle of its author.
    pub author: Option<String>,
    /// The platform's id of the author.
    pub author_id: Option<String>,
    /// The author's display name.
    pub author_name: Option<String>,
    /// The author's address.
    pub author_url: Option<String>,
    /// Followers of the author.
    pub author_followers: Option<i64>,
    /// Whether the platform vouches for the author.
    pub author_is_verified: Option<bool>,
    /// What it says.
    pub text: Option<String>,
    /// When it was published.
    pub posted_at: Option<OffsetDateTime>,
    /// Likes.
    pub likes: Option<i64>,
    /// Comments.
    pub comments: Option<i64>,
    /// Shares.
    pub shares: Option<i64>,
    /// Views or plays.
    pub views: Option<i64>,
    /// Times it was saved.
    pub saves: Option<i64>,
    /// Reactions by type.
    pub reactions: Vec<Reaction>,
    /// Pictures and films.
    pub media: Vec<Media>,
    /// Hashtags, as the platform spells them.
    pub hashtags: Vec<String>,
    /// The platform's word for its form.
    pub content_type: Option<String>,
    /// How long it plays.
    pub duration_seconds: Option<f64>,
    /// Whether it is paid for.
    pub is_sponsored: Option<bool>,
    /// Where it was published from.
    pub location: Option<String>,
    /// Id of the post that it repeats.
    pub original_id: Option<String>,
    /// Address of the post that it repeats.
    pub original_url: Option<String>,
    /// Where all this comes from.
    pub provenance: Provenance<'a>,
}

/// Stores each as its newest record describes it, whole; an older record never overwrites a newer one. The result is the
/// same in whatever order records come, and however often. Proved by
/// `a_post_is_what_its_newest_record_says_in_any_order`.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, records: &[Post<'_>]) -> sqlx::Result<()> {
    let newest = newest_of_each(
        records,
        |new| (new.platform, new.kind, storable(&new.external_id)),
        |new| &new.provenance,
    );
    if newest.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into social_posts (
            platform, kind, external_id, shortcode, url, author, author_id, author_name, author_url, author_followers,
            author_is_verified, text, posted_at, likes, comments, shares, views, saves, reactions, media, hashtags,
            content_type, duration_seconds, is_sponsored, location, original_id, original_url, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, first_seen_at, last_seen_at, raw)
        select
            platform, kind, external_id, shortcode, url, author, author_id, author_name, author_url, author_followers,
            author_is_verified, text, posted_at, likes, comments, shares, views, saves, reactions, media, hashtags,
            content_type, duration_seconds, is_sponsored, location, original_id, original_url, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, seen_at, seen_at, raw
        from unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::bigint[], $11::boolean[], $12::text[], $13::timestamptz[], $14::bigint[], $15::bigint[],
            $16::bigint[], $17::bigint[], $18::bigint[], $19::jsonb[], $20::jsonb[], $21::jsonb[], $22::text[],
            $23::double precision[], $24::boolean[], $25::text[], $26::text[], $27::text[], $28::text[], $29::text[],
            $30::jsonb[], $31::text[], $32::timestamptz[], $33::uuid[], $34::timestamptz[], $35::bytea[])
        as new (
            platform, kind, external_id, shortcode, url, author, author_id, author_name, author_url, author_followers,
            author_is_verified, text, posted_at, likes, comments, shares, views, saves, reactions, media, hashtags,
            content_type, duration_seconds, is_sponsored, location, original_id, original_url, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, seen_at, raw)
        on conflict on constraint social_posts_pkey do update set
            shortcode = excluded.shortcode,
            url = excluded.url,
            author = excluded.author,
            author_id = excluded.author_id,
            author_name = excluded.author_name,
            author_url = excluded.author_url,
            author_followers = excluded.author_followers,
            author_is_verified = excluded.author_is_verified,
            text = excluded.text,
            posted_at = excluded.posted_at,
            likes = excluded.likes,
            comments = excluded.comments,
            shares = excluded.shares,
            views = excluded.views,
            saves = excluded.saves,
            reactions = excluded.reactions,
            media = excluded.media,
            hashtags = excluded.hashtags,
            content_type = excluded.content_type,
            duration_seconds = excluded.duration_seconds,
            is_sponsored = excluded.is_sponsored,
            location = excluded.location,
            original_id = excluded.original_id,
            original_url = excluded.original_url,
            warning_code = excluded.warning_code,
            warning = excluded.warning,
            refused_fields = excluded.refused_fields,
            snapshot_id = excluded.snapshot_id,
            collected_at = excluded.collected_at,
            last_event_id = excluded.last_event_id,
            last_seen_at = excluded.last_seen_at,
            raw = excluded.raw
        where (social_posts.collected_at, social_posts.raw) < (excluded.collected_at, excluded.raw)",
        &column(&newest, |new| new.platform) as _,
        &column(&newest, |new| new.kind) as _,
        &column(&newest, |new| storable(&new.external_id)) as _,
        &column(&newest, |new| new.shortcode.as_deref().map(storable)) as _,
        &column(&newest, |new| new.url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author.as_deref().map(indexed)) as _,
        &column(&newest, |new| new.author_id.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author_name.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author_url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.author_followers) as _,
        &column(&newest, |new| new.author_is_verified) as _,
        &column(&newest, |new| new.text.as_deref().map(storable)) as _,
        &column(&newest, |new| new.posted_at) as _,
        &column(&newest, |new| new.likes) as _,
        &column(&newest, |new| new.comments) as _,
        &column(&newest, |new| new.shares) as _,
        &column(&newest, |new| new.views) as _,
        &column(&newest, |new| new.saves) as _,
        &column(&newest, |new| json_reactions(&new.reactions)) as _,
        &column(&newest, |new| json_media(&new.media)) as _,
        &column(&newest, |new| json_texts(&new.hashtags)) as _,
        &column(&newest, |new| new.content_type.as_deref().map(storable)) as _,
        &column(&newest, |new| new.duration_seconds) as _,
        &column(&newest, |new| new.is_sponsored) as _,
        &column(&newest, |new| new.location.as_deref().map(storable)) as _,
        &column(&newest, |new| new.original_id.as_deref().map(storable)) as _,
        &column(&newest, |new| new.original_url.as_deref().map(storable)) as _,
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
