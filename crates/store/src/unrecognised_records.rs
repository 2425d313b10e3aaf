//! Records that no typed table could take, kept as they came.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, text::storable};

/// Such a record.
#[derive(Debug, Clone)]
pub struct Unrecognised<'a> {
    /// Job that brought it.
    pub snapshot_id: Option<&'a str>,
    /// SHA-256 of its bytes.
    pub record_hash: [u8; 32],
    /// Why no table could take it.
    pub reason: &'static str,
    /// Dataset of the job, if known.
    pub dataset_id: Option<&'a str>,
    /// Platform, if known.
    pub platform: Option<&'static str>,
    /// Kind, if known.
    pub kind: Option<&'static str>,
    /// Ledger row of the part that brought it.
    pub event_id: EventId,
    /// When that reached the edge.
    pub received_at: OffsetDateTime,
    /// Its exact bytes.
    pub raw: &'a [u8],
}

/// Keeps each record of a job once.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, records: &[Unrecognised<'_>]) -> sqlx::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    // Two transactions with the same records wait for each other instead of deadlocking.
    let mut records = records.to_vec();
    records.sort_by_key(|new| (new.snapshot_id, new.record_hash));
    sqlx::query!(
        "insert into unrecognised_records (snapshot_id, record_hash, reason, dataset_id, platform, kind, event_id,
            received_at, raw)
        select * from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[],
            $8::timestamptz[], $9::bytea[])
        on conflict do nothing",
        &column(&records, |new| new.snapshot_id.map(storable)) as _,
        &column(&records, |new| new.record_hash.as_slice()) as _,
        &column(&records, |new| new.reason) as _,
        &column(&records, |new| new.dataset_id.map(storable)) as _,
        &column(&records, |new| new.platform) as _,
        &column(&records, |new| new.kind) as _,
        &column(&records, |new| new.event_id.0),
        &column(&records, |new| new.received_at),
        &column(&records, |new| new.raw) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
