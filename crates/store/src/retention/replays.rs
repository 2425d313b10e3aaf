//! Replays that ended long ago.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Jobs that ended before, oldest first, after `after` if there is one.
///
/// # Errors
/// Those of the database.
pub async fn jobs(
    connection: &mut PgConnection,
    before: OffsetDateTime,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from replay_jobs
        where status in ('completed', 'aborted') and finished_at < $1 and ($2::uuid is null or id > $2)
        order by id
        limit $3",
        before,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// How many items a job has.
///
/// # Errors
/// Those of the database.
pub async fn count_items(connection: &mut PgConnection, job: Uuid) -> sqlx::Result<u64> {
    let count =
        sqlx::query_scalar!(r#"select count(*) as "count!" from replay_items where job_id = $1"#, job)
            .fetch_one(connection)
            .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Deletes items of a job that ended, at most `limit`, and says how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_items(connection: &mut PgConnection, job: Uuid, limit: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "delete from replay_items
        where job_id = $1
            and position in (select position from replay_items where job_id = $1 order by position limit $2)
            and exists (select from replay_jobs where id = $1 and status in ('completed', 'aborted'))",
        job,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes a job that ended and has no items left, with its edits.
///
/// # Errors
/// Those of the database.
pub async fn delete_job(connection: &mut PgConnection, job: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from replay_jobs
        where id = $1 and status in ('completed', 'aborted')
            and not exists (select from replay_items where job_id = $1)",
        job,
    )
    .execute(connection)
    .await?;
    Ok(())
}
