//! Removing a person from leads.

use sqlx::PgConnection;

/// Removes from these leads what says who is interested, and says how many they were.
///
/// # Errors
/// Those of the database.
pub async fn erase(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update leads
        set customer_name = null, customer_email = null, customer_phone = null, customer_phone2 = null,
            description = null
        where lead_id = any($1) and num_nonnulls(customer_name, customer_email, customer_phone, customer_phone2,
            description) > 0",
        lead_ids,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}

/// How many of these leads say who is interested.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from leads
        where lead_id = any($1) and num_nonnulls(customer_name, customer_email, customer_phone, customer_phone2,
            description) > 0"#,
        lead_ids,
    )
    .fetch_one(connection)
    .await
}
