//! Error records: inputs of a job that could not be collected.

use sqlx::PgConnection;

use crate::{
    column,
    scraped::{Provenance, newest_of_each},
    text::{indexed, storable},
};

/// An error record.
#[derive(Debug, Clone)]
pub struct RecordError<'a> {
    /// SHA-256 of what could not be collected.
    pub input_hash: [u8; 32],
    /// Its address, if it has one.
    pub input_url: Option<String>,
    /// Dataset of the job, if known.
    pub dataset_id: Option<&'a str>,
    /// Platform, if known.
    pub platform: Option<&'static str>,
    /// Kind, if known.
    pub kind: Option<&'static str>,
    /// Why, in one word.
    pub error_code: String,
    /// Why.
    pub error: Option<String>,
    /// HTTP status that the collector met.
    pub status_code: Option<i64>,
    /// Where all this comes from.
    pub provenance: Provenance<'a>,
}

/// Stores the newest error of each input of each job. Proved by `an_input_of_a_job_has_one_error`.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, errors: &[RecordError<'_>]) -> sqlx::Result<()> {
    let key = |new: &RecordError<'_>| (new.provenance.snapshot_id.map(str::to_owned), new.input_hash);
    let newest = newest_of_each(errors, key, |new| &new.provenance);
    if newest.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into scrape_record_errors (snapshot_id, input_hash, input_url, dataset_id, platform, kind, error_code,
            error, status_code, warning_code, warning, collected_at, last_event_id, first_seen_at, last_seen_at, raw)
        select snapshot_id, input_hash, input_url, dataset_id, platform, kind, error_code,
            error, status_code, warning_code, warning, collected_at, last_event_id, seen_at, seen_at, raw
        from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::text[], $11::text[], $12::timestamptz[], $13::uuid[], $14::timestamptz[], $15::bytea[])
        as new (snapshot_id, input_hash, input_url, dataset_id, platform, kind, error_code, error, status_code,
            warning_code, warning, collected_at, last_event_id, seen_at, raw)
        on conflict on constraint ux_scrape_record_errors do update set
            input_url = excluded.input_url,
            dataset_id = excluded.dataset_id,
            platform = excluded.platform,
            kind = excluded.kind,
            error_code = excluded.error_code,
            error = excluded.error,
            status_code = excluded.status_code,
            warning_code = excluded.warning_code,
            warning = excluded.warning,
            collected_at = excluded.collected_at,
            last_event_id = excluded.last_event_id,
            last_seen_at = excluded.last_seen_at,
            raw = excluded.raw
        where (scrape_record_errors.collected_at, scrape_record_errors.raw) < (excluded.collected_at, excluded.raw)",
        &column(&newest, |new| new.provenance.snapshot_id.map(storable)) as _,
        &column(&newest, |new| new.input_hash.as_slice()) as _,
        &column(&newest, |new| new.input_url.as_deref().map(storable)) as _,
        &column(&newest, |new| new.dataset_id.map(storable)) as _,
        &column(&newest, |new| new.platform) as _,
        &column(&newest, |new| new.kind) as _,
        &column(&newest, |new| indexed(&new.error_code)) as _,
        &column(&newest, |new| new.error.as_deref().map(storable)) as _,
        &column(&newest, |new| new.status_code) as _,
        &column(&newest, |new| new.provenance.warning_code.as_deref().map(storable)) as _,
        &column(&newest, |new| new.provenance.warning.as_deref().map(storable)) as _,
        &column(&newest, |new| new.provenance.collected_at),
        &column(&newest, |new| new.provenance.event_id.0),
        &column(&newest, |new| new.provenance.received_at),
        &column(&newest, |new| new.provenance.raw) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
