//! Bodies that are too large for a message: objects that no message names, and messages whose object is gone.

use std::{collections::BTreeSet, time::Duration};

use bus::{Bus, claim::BUCKET};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use store::webhook_events;
use time::OffsetDateTime;
use tracing::info;

use crate::{AuditError, look::age};

/// Objects that are looked at in one go; a bucket of two gigabytes holds fewer.
const OBJECTS_MAX: usize = 100_000;
/// Events without their object that are told, at most.
const MISSING_MAX: u16 = 1_000;

/// The object store, compared with the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimReport {
    /// Objects.
    pub objects: usize,
    /// Of these, old ones that no event names.
    pub orphans: Vec<String>,
    /// Events that are not completed and whose object is gone.
    pub missing: Vec<String>,
}

/// Compares; `settled_since` is the time up to which every message that names an object is in the ledger.
pub(crate) async fn look(
    bus: &Bus,
    pool: &PgPool,
    orphan_age: Duration,
    settled_since: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<ClaimReport, AuditError> {
    let away =
        |error: Box<dyn std::error::Error + Send + Sync>| AuditError::broker("the object store", error);
    let store = bus.jetstream().get_object_store(BUCKET).await.map_err(|error| away(error.into()))?;
    let (mut names, mut old) = (BTreeSet::new(), Vec::new());
    let mut objects = store.list().await.map_err(|error| away(error.into()))?;
    while let Some(object) = objects.try_next().await.map_err(|error| away(error.into()))? {
        if object.deleted || names.len() >= OBJECTS_MAX {
            continue;
        }
        // Put before the message that names it; that message must have been settled since, to be in the ledger.
        let is_old = object.modified.is_some_and(|modified| {
            age(modified, now) >= orphan_age
                && settled_since.is_some_and(|settled| settled > modified + orphan_age / 2)
        });
        if is_old {
            old.push(object.name.clone());
        }
        names.insert(object.name);
    }
    let mut connection = pool.acquire().await?;
    let orphans = webhook_events::unnamed_claims(&mut connection, &old).await?;
    let open = webhook_events::open_claims(&mut connection, MISSING_MAX).await?;
    let missing = open.into_iter().filter(|(_, name)| !names.contains(name));
    let missing = missing.map(|(id, _)| id.to_string()).collect();
    Ok(ClaimReport { objects: names.len(), orphans, missing })
}

/// Deletes the orphans.
pub(crate) async fn heal(bus: &Bus, report: &ClaimReport) -> Result<u64, AuditError> {
    if report.orphans.is_empty() {
        return Ok(0);
    }
    let away =
        |error: Box<dyn std::error::Error + Send + Sync>| AuditError::broker("the object store", error);
    let store = bus.jetstream().get_object_store(BUCKET).await.map_err(|error| away(error.into()))?;
    for name in &report.orphans {
        store.delete(name).await.map_err(|error| away(error.into()))?;
    }
    info!(objects = report.orphans.len(), "objects deleted that no event names");
    Ok(u64::try_from(report.orphans.len()).unwrap_or(u64::MAX))
}
