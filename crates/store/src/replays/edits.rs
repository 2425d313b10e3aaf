//! Bodies that a person changed before they were published again.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::storable};

/// A changed body, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The event whose body was changed.
    pub event_id: Uuid,
    /// The new body.
    pub body: Vec<u8>,
    /// From the old one to the new one.
    pub diff: String,
    /// What the new body says happened.
    pub event_type: String,
    /// What it says it is about.
    pub subject: Option<String>,
    /// The provider's word for what happened.
    pub hook_action: Option<String>,
    /// What the envelope says beside, as an object; `None`: what the original says.
    pub extensions: Option<serde_json::Value>,
}

/// Keeps the edit that a job publishes.
///
/// # Errors
/// Those of the database.
pub async fn add_edit(
    connection: &mut PgConnection,
    job_id: Uuid,
    edit: &Edit,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into replay_edits (job_id, event_id, body, diff, event_type, subject, hook_action, extensions, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        job_id,
        edit.event_id,
        &edit.body,
        storable(&edit.diff) as _,
        storable(&edit.event_type) as _,
        edit.subject.as_deref().map(storable) as _,
        edit.hook_action.as_deref().map(storable) as _,
        edit.extensions.as_ref(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The edits that a job publishes, of these events.
///
/// # Errors
/// Those of the database.
pub async fn edits(connection: &mut PgConnection, job_id: Uuid, events: &[Uuid]) -> sqlx::Result<Vec<Edit>> {
    sqlx::query_as!(
        Edit,
        "select event_id, body, diff, event_type, subject, hook_action, extensions
        from replay_edits
        where job_id = $1 and event_id = any($2)",
        job_id,
        &column(events, |id| *id),
    )
    .fetch_all(connection)
    .await
}

/// Every edit of an event, oldest first, with the name of its job.
///
/// # Errors
/// Those of the database.
pub async fn edits_of(connection: &mut PgConnection, event_id: Uuid) -> sqlx::Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        "select job.name, edit.diff
        from replay_edits edit
        join replay_jobs job on job.id = edit.job_id
        where edit.event_id = $1
        order by edit.created_at, job.id",
        event_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.diff)).collect())
}
