//! Jobs, and how far they are.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::text::storable;

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum JobStatus {
    /// The runner works on it, or will when there is one.
    Running,
    /// Somebody holds it; what is published stays so.
    Paused,
    /// Somebody ended it before its end.
    Aborted,
    /// Nothing is left to be published.
    Completed,
}

impl JobStatus {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Aborted => "aborted",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A job that is to be.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// Its id, part of every dedup key that it makes.
    pub id: Uuid,
    /// What people call it.
    pub name: &'a str,
    /// What was asked for.
    pub selection: &'a Value,
    /// The consumer that alone shall see the replays.
    pub consumer: Option<&'a str>,
    /// How many it may publish in a second.
    pub rate_per_second: u32,
    /// Its replays have effects whatever became of their originals.
    pub force_effects: bool,
    /// How many items it has.
    pub total: usize,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: JobStatus,
    /// What was asked for.
    pub selection: Value,
    /// The consumer that alone sees the replays.
    pub consumer: Option<String>,
    /// How many it may publish in a second.
    pub rate_per_second: i32,
    /// Its replays have effects whatever became of their originals.
    pub force_effects: bool,
    /// How many items it has, refused ones included.
    pub total: i32,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When the runner began.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// When it was completed or aborted.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

/// How many items of a job are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Still to be published.
    pub pending: i64,
    /// Claimed by the runner; perhaps on the stream already.
    pub publishing: i64,
    /// On their stream.
    pub published: i64,
    /// Never to be published: they could not succeed.
    pub refused: i64,
    /// Could not be published.
    pub failed: i64,
}

impl Progress {
    /// How many are settled.
    pub const fn done(&self) -> i64 {
        self.published + self.refused + self.failed
    }
}

/// What the consumers made of a job's replays so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Had their effects.
    pub completed: i64,
    /// Completed without effects, because another event had them.
    pub moot: i64,
    /// Died again.
    pub dead: i64,
    /// On their way.
    pub open: i64,
}

/// Adds a job. False: the name is taken.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, job: &NewJob<'_>, now: OffsetDateTime) -> sqlx::Result<bool> {
    let added = sqlx::query!(
        "insert into replay_jobs (id, name, status, selection, consumer, rate_per_second, force_effects, total, created_at)
        values ($1, $2, 'running', $3, $4, $5, $6, $7, $8)
        on conflict on constraint ux_replay_jobs_name do nothing",
        job.id,
        storable(job.name) as _,
        job.selection,
        job.consumer,
        i32::try_from(job.rate_per_second).unwrap_or(i32::MAX),
        job.force_effects,
        i32::try_from(job.total).unwrap_or(i32::MAX),
        now,
    )
    .execute(connection)
    .await?;
    Ok(added.rows_affected() > 0)
}

/// The job of this name.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, name: &str) -> sqlx::Result<Option<Job>> {
    sqlx::query_as!(
        Job,
        r#"select id, name, status as "status: JobStatus", selection, consumer, rate_per_second, force_effects, total,
            created_at, started_at, finished_at
        from replay_jobs
        where name = $1"#,
        storable(name) as _,
    )
    .fetch_optional(connection)
    .await
}

/// The newest jobs.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<Job>> {
    sqlx::query_as!(
        Job,
        r#"select id, name, status as "status: JobStatus", selection, consumer, rate_per_second, force_effects, total,
            created_at, started_at, finished_at
        from replay_jobs
        order by id desc
        limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// The oldest jobs that the runner is to work on.
///
/// # Errors
/// Those of the database.
pub async fn running(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<Job>> {
    sqlx::query_as!(
        Job,
        r#"select id, name, status as "status: JobStatus", selection, consumer, rate_per_second, force_effects, total,
            created_at, started_at, finished_at
        from replay_jobs
        where status = 'running'
        order by id
        limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// Moves a job on; false: it is in none of the statuses `from`.
///
/// # Errors
/// Those of the database.
pub async fn set_status(
    connection: &mut PgConnection,
    id: Uuid,
    from: &[JobStatus],
    to: JobStatus,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let from: Vec<_> = from.iter().map(|status| status.as_str().to_owned()).collect();
    let is_end = matches!(to, JobStatus::Aborted | JobStatus::Completed);
    let moved = sqlx::query!(
        "update replay_jobs
        set status = $3, finished_at = case when $4 then $5::timestamptz end
        where id = $1 and status = any($2)",
        id,
        &from,
        to as _,
        is_end,
        now,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() > 0)
}

/// How far a job is.
///
/// # Errors
/// Those of the database.
pub async fn progress(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Progress> {
    sqlx::query_as!(
        Progress,
        r#"select count(*) filter (where state = 'pending') as "pending!",
            count(*) filter (where state = 'publishing') as "publishing!",
            count(*) filter (where state = 'published') as "published!",
            count(*) filter (where state = 'refused') as "refused!",
            count(*) filter (where state = 'failed') as "failed!"
        from replay_items
        where job_id = $1"#,
        id,
    )
    .fetch_one(connection)
    .await
}

/// What became of a job's replays. Where one consumer alone saw a replay and does not keep the ledger, its own account
/// counts.
///
/// # Errors
/// Those of the database.
pub async fn outcomes(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Outcomes> {
    sqlx::query_as!(
        Outcomes,
        r#"with replays as (
            select coalesce(event.status, handling.status, 'open') as status,
                event.effects_by is not null or handling.duplicate_of is not null as is_moot
            from replay_items item
            left join webhook_events event on event.id = item.replay_id
            left join event_handlings handling on handling.event_id = item.replay_id and handling.consumer = item.consumer
            where item.job_id = $1 and item.state = 'published'
        )
        select count(*) filter (where status = 'completed' and not is_moot) as "completed!",
            count(*) filter (where status = 'completed' and is_moot) as "moot!",
            count(*) filter (where status = 'dead_letter') as "dead!",
            count(*) filter (where status not in ('completed', 'dead_letter')) as "open!"
        from replays"#,
        id,
    )
    .fetch_one(connection)
    .await
}
