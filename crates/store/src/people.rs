//! Cache of look-ups by CPF. Everything that says who somebody is comes sealed and leaves sealed.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A look-up to keep.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The row: sealed values are bound to it.
    pub id: Uuid,
    /// HMAC of the CPF.
    pub cpf_index: &'a [u8],
    /// The CPF, sealed.
    pub cpf_sealed: &'a [u8],
    /// What was told, sealed; none: nobody is known.
    pub person_sealed: Option<&'a [u8]>,
    /// Who told it.
    pub source: &'a str,
    /// When.
    pub fetched_at: OffsetDateTime,
    /// Until when it is believed.
    pub expires_at: OffsetDateTime,
}

/// A look-up that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The row.
    pub id: Uuid,
    /// What was told, sealed; none: nobody is known.
    pub person_sealed: Option<Vec<u8>>,
    /// Who told it.
    pub source: String,
}

/// Keeps a look-up in place of an older one of the same CPF.
///
/// # Errors
/// Those of the database.
pub async fn keep(connection: &mut PgConnection, entry: &Entry<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into people (id, cpf_index, cpf_sealed, person_sealed, source, fetched_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint ux_people_cpf do update set
            id = excluded.id,
            cpf_sealed = excluded.cpf_sealed,
            person_sealed = excluded.person_sealed,
            source = excluded.source,
            fetched_at = excluded.fetched_at,
            expires_at = excluded.expires_at",
        entry.id,
        entry.cpf_index,
        entry.cpf_sealed,
        entry.person_sealed,
        entry.source,
        entry.fetched_at,
        entry.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The look-up of a CPF that is still believed, by any of its indexes.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &mut PgConnection,
    cpf_indexes: &[Vec<u8>],
    now: OffsetDateTime,
) -> sqlx::Result<Option<Kept>> {
    sqlx::query_as!(
        Kept,
        "select id, person_sealed, source from people
        where cpf_index = any($1) and expires_at > $2
        order by fetched_at desc limit 1",
        cpf_indexes,
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Removes what is no longer believed, at most `limit` rows, and says how many they were.
///
/// # Errors
/// Those of the database.
pub async fn expire(connection: &mut PgConnection, now: OffsetDateTime, limit: i64) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "delete from people where id in (select id from people where expires_at <= $1 limit $2)",
        now,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes what is kept of a CPF.
///
/// # Errors
/// Those of the database.
pub async fn erase(connection: &mut PgConnection, cpf_indexes: &[Vec<u8>]) -> sqlx::Result<u64> {
    let removed =
        sqlx::query!("delete from people where cpf_index = any($1)", cpf_indexes).execute(connection).await?;
    Ok(removed.rows_affected())
}

/// How much is kept of a CPF.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut PgConnection, cpf_indexes: &[Vec<u8>]) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from people where cpf_index = any($1)"#, cpf_indexes)
        .fetch_one(connection)
        .await
}

/// What is kept of a CPF, also what is believed no more.
///
/// # Errors
/// Those of the database.
pub async fn of_person(connection: &mut PgConnection, cpf_indexes: &[Vec<u8>]) -> sqlx::Result<Vec<Kept>> {
    sqlx::query_as!(
        Kept,
        "select id, person_sealed, source from people where cpf_index = any($1)",
        cpf_indexes
    )
    .fetch_all(connection)
    .await
}
