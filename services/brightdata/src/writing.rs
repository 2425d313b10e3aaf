//! What was read in the parts of a batch, written table by table.

use sqlx::PgConnection;
use store::{
    schema_drift, scrape_record_errors, social_comments, social_posts, social_profiles, unrecognised_records,
};
use time::OffsetDateTime;

use crate::processor::Part;

/// Writes the records of `parts`, each table once.
pub(crate) async fn records(connection: &mut PgConnection, parts: Vec<&mut Part<'_>>) -> sqlx::Result<()> {
    let (mut posts, mut comments, mut profiles) = (Vec::new(), Vec::new(), Vec::new());
    let (mut errors, mut unrecognised) = (Vec::new(), Vec::new());
    for Part { reading, .. } in parts {
        posts.append(&mut reading.posts);
        comments.append(&mut reading.comments);
        profiles.append(&mut reading.profiles);
        errors.append(&mut reading.errors);
        unrecognised.append(&mut reading.unrecognised);
    }
    social_posts::upsert(connection, &posts).await?;
    social_comments::upsert(connection, &comments).await?;
    social_profiles::upsert(connection, &profiles).await?;
    scrape_record_errors::upsert(connection, &errors).await?;
    unrecognised_records::insert(connection, &unrecognised).await
}

/// Counts how the records of `parts` differ from their schemas.
pub(crate) async fn drift(
    connection: &mut PgConnection,
    parts: Vec<&mut Part<'_>>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let drifts: Vec<_> = parts.into_iter().flat_map(|part| part.reading.drifts(part.heading)).collect();
    schema_drift::count(connection, &drifts, now).await
}
