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

/// Phones and addresses that these leads name, as they were typed.
///
/// # Errors
/// Those of the database.
pub async fn contacts(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select distinct contact as "contact!"
        from leads, unnest(array[customer_phone, customer_phone2, customer_email]) as contact
        where lead_id = any($1) and contact is not null"#,
        lead_ids,
    )
    .fetch_all(connection)
    .await
}

/// Leads whose own words match this expression, wherever their events are by now.
///
/// # Errors
/// Those of the database.
pub async fn naming(connection: &mut PgConnection, pattern: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select lead_id from leads
        where concat_ws(' | ', lead_id, customer_name, customer_email, customer_phone, customer_phone2, description) ~ $1",
        pattern,
    )
    .fetch_all(connection)
    .await
}

/// Whether a lead that was found to be somebody else's has a contact which matches this expression.
///
/// # Errors
/// Those of the database.
pub async fn is_of_others(
    connection: &mut PgConnection,
    pattern: &str,
    cpf_indexes: &[Vec<u8>],
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
            select from leads
            where concat_ws(' | ', customer_phone, customer_phone2, customer_email) ~ $1
                and exists (
                    select from lead_enrichments found
                    where found.lead_id = leads.lead_id and found.cpf_indexes <> '{}'
                        and not found.cpf_indexes && $2
                )
        ) as "found!""#,
        pattern,
        cpf_indexes,
    )
    .fetch_one(connection)
    .await
}
