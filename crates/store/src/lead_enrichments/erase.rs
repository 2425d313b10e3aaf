//! Removing a person from what was done to enrich leads.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// The leads that were found to be of this CPF.
///
/// # Errors
/// Those of the database.
pub async fn leads_of(connection: &mut PgConnection, cpf_indexes: &[Vec<u8>]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select distinct lead_id from lead_enrichments where cpf_indexes && $1 order by lead_id",
        cpf_indexes,
    )
    .fetch_all(connection)
    .await
}

/// Removes from these leads' enrichments everything that is about a person, and says how many they were. The rows stay,
/// completed: they are the guard against enriching the lead again.
///
/// # Errors
/// Those of the database.
pub async fn erase(
    connection: &mut PgConnection,
    lead_ids: &[String],
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update lead_enrichments
        set status = 'completed', outcome = coalesce(outcome, 'suppressed'), note = 'the person was erased',
            finished_at = coalesce(finished_at, $2), cpf_indexes = '{}', progress_sealed = null,
            error_code = null, error_message = null, leased_until = null, erased_at = $2
        where lead_id = any($1) and erased_at is null",
        lead_ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}

/// How many enrichments of these leads were not erased.
///
/// # Errors
/// Those of the database.
pub async fn count_of_leads(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from lead_enrichments where lead_id = any($1) and erased_at is null"#,
        lead_ids,
    )
    .fetch_one(connection)
    .await
}
