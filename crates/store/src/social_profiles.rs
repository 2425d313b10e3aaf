//! Pages, companies and profiles, each as its newest record describes it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    column,
    scraped::{Provenance, json_texts, newest_of_each},
    text::{indexed, storable},
};

/// A page, company or profile.
#[derive(Debug, Clone)]
pub struct Profile<'a> {
    /// Where it stands.
    pub platform: &'static str,
    /// Pages, companies or profiles.
    pub kind: &'static str,
    /// The platform's id.
    pub external_id: String,
    /// Its address.
    pub url: Option<String>,
    /// Its handle.
    pub username: Option<String>,
    /// Its display name.
    pub name: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Category or industry.
    pub category: Option<String>,
    /// Its own site.
    pub website: Option<String>,
    /// Logo or picture.
    pub image_url: Option<String>,
    /// Country or region, as a code.
    pub country: Option<String>,
    /// Address or headquarters.
    pub location: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Followers.
    pub followers: Option<i64>,
    /// Profiles that it follows.
    pub following: Option<i64>,
    /// Likes of all that it published.
    pub likes: Option<i64>,
    /// Posts or videos.
    pub posts_count: Option<i64>,
    /// Employees on the platform.
    pub employees: Option<i64>,
    /// The company's own statement of its size.
    pub company_size: Option<String>,
    /// Year of foundation.
    pub founded: Option<i64>,
    /// Rating by its visitors.
    pub rating: Option<f64>,
    /// Engagement, as the provider reckons it.
    pub engagement_rate: Option<f64>,
    /// Whether the platform vouches for it.
    pub is_verified: Option<bool>,
    /// Whether it is closed to strangers.
    pub is_private: Option<bool>,
    /// When it was made.
    pub profile_created_at: Option<OffsetDateTime>,
    /// Where all this comes from.
    pub provenance: Provenance<'a>,
}

/// Stores each as its newest record describes it, whole; an older record never overwrites a newer one. The result is the
/// same in whatever order records come, and however often. Proved by
/// `a_comment_and_a_profile_are_what_their_newest_records_say`.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, records: &[Profile<'_>]) -> sqlx::Result<()> {
    let newest = newest_of_each(
        records,
        |new| (new.platform, new.kind, storable(&new.external_id)),
        |new| &new.provenance,
    );
    if newest.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into social_profiles (
            platform, kind, external_id, url, username, name, description, category, website, image_url, country,
            location, emails, phones, followers, following, likes, posts_count, employees, company_size, founded,
            rating, engagement_rate, is_verified, is_private, profile_created_at, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, first_seen_at, last_seen_at, raw)
        select
            platform, kind, external_id, url, username, name, description, category, website, image_url, country,
            location, emails, phones, followers, following, likes, posts_count, employees, company_size, founded,
            rating, engagement_rate, is_verified, is_private, profile_created_at, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, seen_at, seen_at, raw
        from unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[], $15::bigint[],
            $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::text[], $21::bigint[],
            $22::double precision[], $23::double precision[], $24::boolean[], $25::boolean[], $26::timestamptz[],
            $27::text[], $28::text[], $29::jsonb[], $30::text[], $31::timestamptz[], $32::uuid[], $33::timestamptz[],
            $34::bytea[])
        as new (
            platform, kind, external_id, url, username, name, description, category, website, image_url, country,
            location, emails, phones, followers, following, likes, posts_count, employees, company_size, founded,
            rating, engagement_rate, is_verified, is_private, profile_created_at, warning_code, warning,
            refused_fields, snapshot_id, collected_at, last_event_id, seen_at, raw)
        on conflict on constraint social_profiles_pkey do update set
            url = excluded.url,
            username = excluded.username,
            name = excluded.name,
            description = excluded.description,
            category = excluded.category,
            website = excluded.website,
            image_url = excluded.image_url,
            country = excluded.country,
            location = excluded.location,
            emails = excluded.emails,
            phones = excluded.phones,
            followers = excluded.followers,
            following = excluded.following,
            likes = excluded.likes,
            posts_count = excluded.posts_count,
            employees = excluded.employees,
            company_size = excluded.company_size,
            founded = excluded.founded,
            rating = excluded.rating,
            engagement_rate = excluded.engagement_rate,
            is_verified = excluded.is_verified,
            is_private = excluded.is_private,
            profile_created_at = excluded.profile_created_at,
            warning_code = excluded.warning_code,
            warning = excluded.warning,
            refused_fields = excluded.refused_fields,
            snapshot_id = excluded.snapshot_id,
            collected_at = excluded.collected_at,
            last_event_id = excluded.last_event_id,
            last_seen_at = excluded.last_seen_at,
            raw = excluded.raw
        where (social_profiles.collected_at, social_profiles.raw) < (excluded.collected_at, excluded.raw)",
        &column(&newest, |new| new.platform) as _,
        &column(&newest, |new| new.kind) as _,
        &column(&newest, |new| storable(&new.external_id)) as _,
        &column(&newest, |new| new.url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.username.as_deref().map(indexed)) as _,
        &column(&newest, |new| new.name.as_deref().map(storable)) as _,
        &column(&newest, |new| new.description.as_deref().map(storable)) as _,
        &column(&newest, |new| new.category.as_deref().map(storable)) as _,
        &column(&newest, |new| new.website.as_deref().map(storable)) as _,
        &column(&newest, |new| new.image_url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.country.as_deref().map(storable)) as _,
        &column(&newest, |new| new.location.as_deref().map(storable)) as _,
        &column(&newest, |new| json_texts(&new.emails)) as _,
        &column(&newest, |new| json_texts(&new.phones)) as _,
        &column(&newest, |new| new.followers) as _,
        &column(&newest, |new| new.following) as _,
        &column(&newest, |new| new.likes) as _,
        &column(&newest, |new| new.posts_count) as _,
        &column(&newest, |new| new.employees) as _,
        &column(&newest, |new| new.company_size.as_deref().map(storable)) as _,
        &column(&newest, |new| new.founded) as _,
        &column(&newest, |new| new.rating) as _,
        &column(&newest, |new| new.engagement_rate) as _,
        &column(&newest, |new| new.is_verified) as _,
        &column(&newest, |new| new.is_private) as _,
        &column(&newest, |new| new.profile_created_at) as _,
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
