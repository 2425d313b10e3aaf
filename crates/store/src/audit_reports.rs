//! What the last audit of each provider said.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// Keeps a report, unless a later one is there.
///
/// # Errors
/// Those of the database.
pub async fn put(
    connection: &mut PgConnection,
    provider: &str,
    report: &serde_json::Value,
    ended_at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into audit_reports as known (provider, report, ended_at) values ($1, $2, $3)
        on conflict (provider) do update set report = excluded.report, ended_at = excluded.ended_at
        where known.ended_at <= excluded.ended_at",
        provider,
        report,
        ended_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last report of a provider, and when its audit ended.
///
/// # Errors
/// Those of the database.
pub async fn last(
    connection: &mut PgConnection,
    provider: &str,
) -> sqlx::Result<Option<(serde_json::Value, OffsetDateTime)>> {
    let row = sqlx::query!("select report, ended_at from audit_reports where provider = $1", provider)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| (row.report, row.ended_at)))
}
