//! Scrape jobs at Bright Data: those that we triggered, and those that only its notifications and data told us of.

/// Jobs, whole. Their columns stand here once; it is a macro because a query that is checked is a literal.
macro_rules! jobs {
    ($rest:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            ScrapeRequest,
            r#"select id, snapshot_id, dataset_id, platform, kind, origin as "origin: Origin",
                status as "status: Status", provider_status, status_event_id, notify_expected, error_code, error_message,
                records_announced, errors_announced, parts, records, record_errors, record_warnings,
                record_unrecognised, requested_at, ready_at, data_first_at, data_last_at, finished_at, updated_at
            from scrape_requests "# + $rest,
            $($argument),+
        )
    };
}

mod observe;
mod trigger;

use std::{fmt, ops::Range};

use contract::brightdata::JobStatus;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use observe::{Notice, Observation, Observed, PartCounts, observe};
pub use trigger::{New, answered, insert, list, open, refused};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Triggered; nothing heard since.
    Pending,
    /// At work, or its data is arriving.
    Processing,
    /// All its data is ready.
    Completed,
    /// It failed as a whole.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more is to be heard of the job.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Words arrive in any order, so the furthest one holds. Data that is ready outweighs every rumour of failure.
    const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Processing => 1,
            Self::Cancelled => 2,
            Self::Failed => 3,
            Self::Completed => 4,
        }
    }
}

impl From<JobStatus> for Status {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Processing => Self::Processing,
            JobStatus::Completed => Self::Completed,
            JobStatus::Failed => Self::Failed,
            JobStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How we know of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Origin {
    /// We started it.
    Triggered,
    /// Bright Data sent something about it, and we did not start it (or have not noted so yet).
    Unmatched,
}

impl Origin {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Unmatched => "unmatched",
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScrapeRequest {
    /// Our id.
    pub id: Uuid,
    /// Bright Data's id; absent until the trigger was answered.
    pub snapshot_id: Option<String>,
    /// What was run.
    pub dataset_id: Option<String>,
    /// What it is about.
    pub platform: Option<String>,
    /// What sort of record it brings.
    pub kind: Option<String>,
    /// How we know of it.
    pub origin: Origin,
    /// Where it stands.
    pub status: Status,
    /// Bright Data's own word for that.
    pub provider_status: Option<String>,
    /// The event that moved it there.
    pub status_event_id: Option<Uuid>,
    /// Whether a notification was asked for.
    pub notify_expected: bool,
    /// Bright Data's word for why it failed.
    pub error_code: Option<String>,
    /// And its sentence.
    pub error_message: Option<String>,
    /// Records that there are, by Bright Data.
    pub records_announced: Option<i64>,
    /// Errors among them, by Bright Data.
    pub errors_announced: Option<i64>,
    /// Parts of deliveries processed.
    pub parts: i64,
    /// Records in them, of every sort.
    pub records: i64,
    /// Of these, errors.
    pub record_errors: i64,
    /// Of these, with a warning.
    pub record_warnings: i64,
    /// Of these, kept raw.
    pub record_unrecognised: i64,
    /// When it was triggered, or first heard of.
    pub requested_at: OffsetDateTime,
    /// When its data was said to be ready.
    pub ready_at: Option<OffsetDateTime>,
    /// When its first data arrived.
    pub data_first_at: Option<OffsetDateTime>,
    /// When its last data arrived.
    pub data_last_at: Option<OffsetDateTime>,
    /// When it reached a final status.
    pub finished_at: Option<OffsetDateTime>,
    /// When this row changed.
    pub updated_at: OffsetDateTime,
}

/// The jobs with these snapshot ids, as far as they are known.
///
/// # Errors
/// Those of the database.
pub async fn find_by_snapshots(
    connection: &mut PgConnection,
    snapshot_ids: &[String],
) -> sqlx::Result<Vec<ScrapeRequest>> {
    jobs!(r#"where snapshot_id = any($1)"#, snapshot_ids,).fetch_all(connection).await
}

/// Jobs whose data was said to be ready in this time, that announced anything at all, and that brought
/// nothing: their delivery is lost, and must be fetched. Oldest first. Proved by
/// `a_job_that_is_ready_and_brought_nothing_is_found`.
///
/// # Errors
/// Those of the database.
pub async fn lost(
    connection: &mut PgConnection,
    ready: Range<OffsetDateTime>,
    limit: u16,
) -> sqlx::Result<Vec<ScrapeRequest>> {
    jobs!(
        r#"where status = 'completed' and data_first_at is null and ready_at >= $3 and ready_at < $1
            and coalesce(records_announced, 1) > 0
        order by ready_at
        limit $2"#,
        ready.end,
        i64::from(limit),
        ready.start,
    )
    .fetch_all(connection)
    .await
}
