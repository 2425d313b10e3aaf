//! Positions that a stream lost before they were settled: real losses.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{text::bounded, webhook_events::Gap};

/// Longest acknowledgement kept, in bytes.
const ACKNOWLEDGEMENT_MAX_BYTES: usize = 2_000;

/// One loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The stream.
    pub stream: String,
    /// When the server made the stream.
    #[serde(with = "time::serde::rfc3339")]
    pub incarnation: OffsetDateTime,
    /// First position.
    pub first_sequence: i64,
    /// Last position.
    pub last_sequence: i64,
    /// When it was found.
    #[serde(with = "time::serde::rfc3339")]
    pub found_at: OffsetDateTime,
}

/// Writes down a loss.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    provider: &str,
    gap: Gap,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into lost_positions (stream, incarnation, first_sequence, last_sequence, provider, found_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (stream, incarnation, first_sequence) do nothing",
        stream,
        incarnation,
        gap.first,
        gap.last,
        provider,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The losses of a provider that nobody has acknowledged.
///
/// # Errors
/// Those of the database.
pub async fn of_provider(connection: &mut PgConnection, provider: &str) -> sqlx::Result<Vec<Loss>> {
    sqlx::query_as!(
        Loss,
        "select stream, incarnation, first_sequence, last_sequence, found_at
        from lost_positions
        where provider = $1 and acknowledged_at is null
        order by incarnation, first_sequence",
        provider,
    )
    .fetch_all(connection)
    .await
}

/// Acknowledges all losses of a provider, or of all: they are known, and no longer alarm. Says how many positions those
/// were.
///
/// # Errors
/// Those of the database.
pub async fn acknowledge(
    connection: &mut PgConnection,
    provider: Option<&str>,
    text: &str,
    now: OffsetDateTime,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"with acknowledged as (
            update lost_positions set acknowledged_at = $2, acknowledgement = $3
            where acknowledged_at is null and ($1::text is null or provider = $1)
            returning last_sequence - first_sequence + 1 as positions
        )
        select coalesce(sum(positions), 0)::bigint as "positions!" from acknowledged"#,
        provider,
        now,
        &bounded(text, ACKNOWLEDGEMENT_MAX_BYTES),
    )
    .fetch_one(connection)
    .await
}

/// How many positions of a provider are lost and acknowledged.
///
/// # Errors
/// Those of the database.
pub async fn acknowledged(connection: &mut PgConnection, provider: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(last_sequence - first_sequence + 1), 0)::bigint as "positions!"
        from lost_positions
        where provider = $1 and acknowledged_at is not null"#,
        provider,
    )
    .fetch_one(connection)
    .await
}
