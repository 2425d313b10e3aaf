//! Where records differ from the schemas that we know them by.

use std::{borrow::Cow, collections::BTreeMap};

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, text::storable};

/// Rows that one dataset may have: records whose field names are data must not fill the table.
pub const ROWS_MAX: i64 = 1_000;

/// One difference, in so many records of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Dataset id, or `platform/kind`.
    pub dataset: String,
    /// Field, as in `employees[].title`.
    pub path: String,
    /// What is different.
    pub change: Change,
    /// JSON type found; empty for a vanished field.
    pub found: &'static str,
    /// JSON types that the schema knows.
    pub expected: Option<String>,
    /// Records in which it is so.
    pub records: i64,
    /// Job that shows it.
    pub snapshot_id: Option<String>,
}

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The schema does not know it.
    New,
    /// The schema says that it is always there, and it is not.
    Vanished,
    /// It is of another type than the schema says.
    Type,
}

impl Change {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Vanished => "vanished",
            Self::Type => "type",
        }
    }
}

/// What one row counts: dataset, path, change and type found, as they can be stored.
type Key<'a> = (Cow<'a, str>, Cow<'a, str>, Change, &'static str);

/// Adds what a batch saw at `now`. Of a dataset that has [`ROWS_MAX`] differences only these are counted on.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut PgConnection, drifts: &[Drift], now: OffsetDateTime) -> sqlx::Result<()> {
    if drifts.is_empty() {
        return Ok(());
    }
    let rows = summed(drifts);
    sqlx::query!(
        "insert into schema_drift (dataset, path, change, found, expected, records, first_seen_at, last_seen_at,
            snapshot_id)
        select dataset, path, change, found, expected, records, $8, $8, snapshot_id
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
            as new (dataset, path, change, found, expected, records, snapshot_id)
        where (select count(*) from schema_drift known where known.dataset = new.dataset) < $9
            or exists (select from schema_drift known
                where (known.dataset, known.path, known.change, known.found)
                    = (new.dataset, new.path, new.change, new.found))
        on conflict on constraint schema_drift_pkey do update set
            expected = excluded.expected,
            records = schema_drift.records + excluded.records,
            last_seen_at = greatest(schema_drift.last_seen_at, excluded.last_seen_at),
            snapshot_id = excluded.snapshot_id",
        &column(&rows, |((dataset, ..), _)| &**dataset) as _,
        &column(&rows, |((_, path, ..), _)| &**path) as _,
        &column(&rows, |((_, _, change, _), _)| change.as_str()) as _,
        &column(&rows, |((.., found), _)| *found) as _,
        &column(&rows, |(_, (new, _))| new.expected.as_deref()) as _,
        &column(&rows, |(_, (_, records))| *records),
        &column(&rows, |(_, (new, _))| new.snapshot_id.as_deref().map(storable)) as _,
        now,
        ROWS_MAX,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Each difference once, with its records in all parts: a statement must not touch a row twice. In the order of keys, so
/// that two transactions with the same differences wait for each other instead of deadlocking.
fn summed(drifts: &[Drift]) -> Vec<(Key<'_>, (&Drift, i64))> {
    let mut rows: BTreeMap<Key<'_>, (&Drift, i64)> = BTreeMap::new();
    for drift in drifts {
        let key = (storable(&drift.dataset), storable(&drift.path), drift.change, drift.found);
        rows.entry(key).or_insert((drift, 0)).1 += drift.records;
    }
    rows.into_iter().collect()
}
