//! Up to where a stream's secondary consumers were compared with the ledger.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// Up to where a consumer of the stream that was made then is accounted for; `None`: it was never looked at.
///
/// # Errors
/// Those of the database.
pub async fn settled(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    consumer: &str,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "select settled_sequence from consumer_accounts
        where stream = $1 and incarnation = $2 and consumer = $3",
        stream,
        incarnation,
        consumer,
    )
    .fetch_optional(connection)
    .await
}

/// Moves it on; never back.
///
/// # Errors
/// Those of the database.
pub async fn advance(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    consumer: &str,
    settled: i64,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into consumer_accounts as known (stream, incarnation, consumer, settled_sequence, updated_at)
        values ($1, $2, $3, $4, $5)
        on conflict (stream, incarnation, consumer) do update
        set settled_sequence = excluded.settled_sequence, updated_at = excluded.updated_at
        where known.settled_sequence < excluded.settled_sequence",
        stream,
        incarnation,
        consumer,
        settled,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
