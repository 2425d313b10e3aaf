//! What happened to hooks, for people and for metrics.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Outcome;

/// One attempt to send an event to a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The event.
    pub event_id: Uuid,
    /// The hook.
    pub hook_id: Uuid,
    /// Which attempt at this event it is; one that the hook throttled has the number of the next.
    pub number: i32,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub duration_ms: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// Status of the answer, if there was one.
    pub status_code: Option<i32>,
    /// Why there was no answer, in one word.
    pub error_code: Option<String>,
    /// Why it did not succeed.
    pub error_message: Option<String>,
    /// Beginning of the answer.
    pub response_excerpt: Option<String>,
}

/// What waits for a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// The hook; it may be disabled.
    pub hook_id: Uuid,
    /// Its name.
    pub hook_name: String,
    /// Events that wait for it.
    pub pending: i64,
    /// Since when the oldest waits.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest: Option<OffsetDateTime>,
}

/// What happened in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Period {
    /// Attempts.
    pub attempts: i64,
    /// Attempts that the hook took.
    pub delivered: i64,
    /// Attempts that the hook throttled; they count neither way.
    pub throttled: i64,
    /// Events given up.
    pub dead: i64,
    /// Attempts without an answer that the hook may have seen: what follows each may be a repeat to it.
    pub unanswered: i64,
    /// Mean time of an answered attempt.
    pub avg_response_time_ms: Option<f64>,
    /// Mean retries of what was delivered.
    pub avg_retries_success: Option<f64>,
    /// Mean retries of what was given up.
    pub avg_retries_failure: Option<f64>,
}

impl Period {
    /// Share of the attempts that count and were taken: 0 to 1, and 1 where there were none.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn success_rate(&self) -> f64 {
        let counted = self.attempts - self.throttled;
        if counted <= 0 { 1.0 } else { self.delivered as f64 / counted as f64 }
    }
}

/// What waits for each hook.
///
/// # Errors
/// Those of the database.
pub async fn backlogs(connection: &mut PgConnection) -> sqlx::Result<Vec<Backlog>> {
    sqlx::query_as!(
        Backlog,
        r#"select hook_id, max(hook_name) as "hook_name!", count(*) as "pending!", min(created_at) as oldest
        from hook_deliveries where status = 'pending'
        group by hook_id order by 2"#,
    )
    .fetch_all(connection)
    .await
}

/// Whether something waits for a hook.
///
/// # Errors
/// Those of the database.
pub async fn waiting(connection: &mut PgConnection, hook_id: Uuid) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from hook_deliveries where hook_id = $1 and status = 'pending') as "found!""#,
        hook_id,
    );
    found.fetch_one(connection).await
}

/// What happened since an instant, at one hook or at all.
///
/// # Errors
/// Those of the database.
pub async fn period(
    connection: &mut PgConnection,
    since: OffsetDateTime,
    hook_id: Option<Uuid>,
) -> sqlx::Result<Period> {
    let attempts = sqlx::query!(
        r#"select count(*) as "attempts!", count(*) filter (where outcome = 'delivered') as "delivered!",
            count(*) filter (where outcome = 'throttled') as "throttled!",
            count(*) filter (where outcome = 'dead') as "dead!",
            count(*) filter (where status_code is null and error_code in ('timeout', 'broken', 'abandoned'))
                as "unanswered!",
            (avg(duration_ms) filter (where status_code is not null))::double precision as average
        from hook_attempts where started_at >= $1 and ($2::uuid is null or hook_id = $2)"#,
        since,
        hook_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    let retries = sqlx::query!(
        "select (avg(greatest(attempts - 1, 0)) filter (where status = 'delivered'))::double precision as success,
            (avg(greatest(attempts - 1, 0)) filter (where status = 'dead'))::double precision as failure
        from hook_deliveries where finished_at >= $1 and ($2::uuid is null or hook_id = $2)",
        since,
        hook_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Period {
        attempts: attempts.attempts,
        delivered: attempts.delivered,
        throttled: attempts.throttled,
        dead: attempts.dead,
        unanswered: attempts.unanswered,
        avg_response_time_ms: attempts.average,
        avg_retries_success: retries.success,
        avg_retries_failure: retries.failure,
    })
}

/// The newest attempts, of one event or of all.
///
/// # Errors
/// Those of the database.
pub async fn attempts(
    connection: &mut PgConnection,
    event_id: Option<Uuid>,
    rows_max: i64,
) -> sqlx::Result<Vec<Attempt>> {
    sqlx::query_as!(
        Attempt,
        r#"select event_id, hook_id, number, started_at, duration_ms, outcome as "outcome: Outcome", status_code,
            error_code, error_message, response_excerpt
        from hook_attempts where $1::uuid is null or event_id = $1
        order by id desc limit $2"#,
        event_id,
        rows_max,
    )
    .fetch_all(connection)
    .await
}
