//! Groups of failures, counted.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Failures with one fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name.
    pub fingerprint: String,
    /// Who sent the events.
    pub provider: String,
    /// Who gave them up.
    pub consumer: String,
    /// Type of the events.
    pub event_type: String,
    /// Why they were given up, in one word.
    pub reason_code: String,
    /// What the newest one's last attempt said.
    pub sample_error: Option<String>,
    /// The newest dead letter.
    pub sample_id: Uuid,
    /// All of them.
    pub count: i64,
    /// Of these, those that nobody has decided about.
    pub dead: i64,
    /// When the first of them failed first.
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    /// When the last of them failed last.
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
}

/// The largest groups first, by what is still dead. `dead_only` leaves out groups of which nothing is.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut PgConnection,
    provider: Option<&str>,
    since: Option<OffsetDateTime>,
    dead_only: bool,
    limit: u16,
) -> sqlx::Result<Vec<Group>> {
    // Ids sort by time, and there is no max(uuid): the newest is found through the group's index afterwards.
    sqlx::query_as!(
        Group,
        r#"select counted.fingerprint, newest.provider, newest.consumer, newest.event_type, newest.reason_code,
            newest.last_error as sample_error, newest.id as sample_id, counted.count as "count!",
            counted.dead as "dead!", counted.first_seen as "first_seen!", counted.last_seen as "last_seen!"
        from (
            select fingerprint, count(*) as count, count(*) filter (where status = 'dead') as dead,
                min(first_failed_at) as first_seen, max(last_failed_at) as last_seen
            from dead_letters
            where ($1::text is null or provider = $1) and ($2::timestamptz is null or last_failed_at >= $2)
            group by fingerprint
        ) counted
        cross join lateral (
            select id, provider, consumer, event_type, reason_code, last_error
            from dead_letters
            where fingerprint = counted.fingerprint
            order by last_failed_at desc
            limit 1
        ) newest
        where not $3 or counted.dead > 0
        order by counted.dead desc, counted.count desc, counted.fingerprint
        limit $4"#,
        provider,
        since,
        dead_only,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}
