//! Removing bodies from dead letters because of the people in them. The rows stay, so that the books still balance.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// The body of a dead letter, to be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searchable {
    /// The dead letter.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// What it is about: account, lead, …
    pub subject: Option<String>,
    /// Its bytes.
    pub body: Option<Vec<u8>>,
    /// Its headers, as text.
    pub headers: Option<String>,
    /// Where it lies: stream,
    pub stream: String,
    /// and sequence.
    pub sequence: i64,
}

/// Dead letters that were not erased, in the order of ids, at most `limit` after `after`.
///
/// # Errors
/// Those of the database.
pub async fn searchable(
    connection: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Searchable>> {
    sqlx::query_as!(
        Searchable,
        r#"select id, event_id, subject, body, headers::text as headers, stream, stream_sequence as sequence
        from dead_letters
        where ($1::uuid is null or id > $1) and erased_at is null
        order by id limit $2"#,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Removes body, headers and error text of these dead letters, and says how many they were. Proved by
/// `a_person_is_gone_from_every_place_and_the_books_balance`.
///
/// # Errors
/// Those of the database.
pub async fn erase(connection: &mut PgConnection, ids: &[Uuid], now: OffsetDateTime) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update dead_letters set body = null, headers = null, last_error = null, erased_at = $2
        where id = any($1) and erased_at is null",
        ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}
