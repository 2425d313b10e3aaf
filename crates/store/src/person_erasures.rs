//! People who asked to be forgotten, by the HMAC of their CPF alone.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Whether the person of any of these indexes was erased.
///
/// # Errors
/// Those of the database.
pub async fn is_erased(connection: &mut PgConnection, cpf_indexes: &[Vec<u8>]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from person_erasures where cpf_index = any($1)) as "erased!""#,
        cpf_indexes,
    )
    .fetch_one(connection)
    .await
}

/// Whether a person whom this enrichment is about was erased.
///
/// # Errors
/// Those of the database.
pub async fn is_of_enrichment(connection: &mut PgConnection, enrichment_id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
            select from person_erasures
            where cpf_index = any(array(select unnest(cpf_indexes) from lead_enrichments where id = $1))
        ) as "erased!""#,
        enrichment_id,
    )
    .fetch_one(connection)
    .await
}

/// Notes that a person was erased, once again perhaps.
///
/// # Errors
/// Those of the database.
pub async fn record(
    connection: &mut PgConnection,
    id: Uuid,
    cpf_index: &[u8],
    removed: &serde_json::Value,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into person_erasures (id, cpf_index, removed, erased_at) values ($1, $2, $3, $4)
        on conflict on constraint ux_person_erasures_cpf do update set
            removed = excluded.removed, erased_at = excluded.erased_at",
        id,
        cpf_index,
        removed,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
