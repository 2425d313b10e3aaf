//! What was read in the parts of a batch, written table by table.

use std::{collections::BTreeMap, mem::take};

use sqlx::PgConnection;
use store::{
    schema_drift::{self, Drift},
    scrape_record_errors, social_comments, social_posts, social_profiles, unrecognised_records,
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

/// Counts how the records of `parts` differ from their schemas. Summed up here, so that a batch costs one statement, and
/// none if nothing differs.
pub(crate) async fn drift(
    connection: &mut PgConnection,
    parts: Vec<&mut Part<'_>>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let mut drifts: BTreeMap<_, Drift> = BTreeMap::new();
    for Part { reading, heading, .. } in parts {
        for drift in reading.drifts(*heading) {
            let key = (drift.dataset.clone(), drift.path.clone(), drift.change, drift.found);
            match drifts.get_mut(&key) {
                Some(sum) => sum.records += drift.records,
                None => {
                    drifts.insert(key, drift);
                }
            }
        }
    }
    schema_drift::count(connection, &take(&mut drifts).into_values().collect::<Vec<_>>(), now).await
}
