//! Which events never came.

use std::collections::HashSet;

use sqlx::PgConnection;

/// Those of a provider's dedup keys that the ledger does not have.
///
/// # Errors
/// Those of the database.
pub async fn unknown_keys(
    connection: &mut PgConnection,
    provider: &str,
    keys: &[String],
) -> sqlx::Result<HashSet<String>> {
    let known = sqlx::query_scalar!(
        "select dedup_key from webhook_events where provider = $1 and dedup_key = any($2)",
        provider,
        keys,
    )
    .fetch_all(connection)
    .await?;
    let known: HashSet<String> = known.into_iter().collect();
    Ok(keys.iter().filter(|key| !known.contains(*key)).cloned().collect())
}
