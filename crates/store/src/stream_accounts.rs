//! The books of each stream: what became of the positions that an audit has passed.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// The books of one stream since the server made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAccount {
    /// The stream.
    pub stream: String,
    /// When the server made it.
    pub incarnation: OffsetDateTime,
    /// Whose events it keeps.
    pub provider: String,
    /// Newest position that an audit has seen.
    pub last_sequence: i64,
    /// Every position up to here is counted below.
    pub settled_sequence: i64,
    /// Completed events.
    pub completed: i64,
    /// Dead events.
    pub dead: i64,
    /// Repeats of other events.
    pub duplicates: i64,
    /// Messages for one other consumer.
    pub directed: i64,
    /// Positions that were lost.
    pub lost: i64,
}

impl StreamAccount {
    /// Empty books.
    pub fn new(stream: &str, provider: &str, incarnation: OffsetDateTime) -> Self {
        Self {
            stream: stream.to_owned(),
            incarnation,
            provider: provider.to_owned(),
            last_sequence: 0,
            settled_sequence: 0,
            completed: 0,
            dead: 0,
            duplicates: 0,
            directed: 0,
            lost: 0,
        }
    }
}

/// Every book of a stream, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn of_stream(connection: &mut PgConnection, stream: &str) -> sqlx::Result<Vec<StreamAccount>> {
    sqlx::query_as!(
        StreamAccount,
        "select stream, incarnation, provider, last_sequence, settled_sequence, completed, dead, duplicates, directed,
            lost
        from stream_accounts
        where stream = $1
        order by incarnation desc",
        stream,
    )
    .fetch_all(connection)
    .await
}

/// Opens the books of a stream that the server has made; does nothing if they are open.
///
/// # Errors
/// Those of the database.
pub async fn open(
    connection: &mut PgConnection,
    account: &StreamAccount,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into stream_accounts (stream, incarnation, provider, last_sequence, settled_sequence, completed, dead,
            duplicates, directed, lost, updated_at)
        values ($1, $2, $3, 0, 0, 0, 0, 0, 0, 0, $4)
        on conflict (stream, incarnation) do nothing",
        account.stream,
        account.incarnation,
        account.provider,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the books on from `before` to `after`. Says whether it did: not if somebody else moved them meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn advance(
    connection: &mut PgConnection,
    before: &StreamAccount,
    after: &StreamAccount,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update stream_accounts
        set last_sequence = greatest(last_sequence, $4), settled_sequence = $5, completed = $6, dead = $7,
            duplicates = $8, directed = $9, lost = $10, updated_at = $11
        where stream = $1 and incarnation = $2 and settled_sequence = $3",
        before.stream,
        before.incarnation,
        before.settled_sequence,
        after.last_sequence,
        after.settled_sequence,
        after.completed,
        after.dead,
        after.duplicates,
        after.directed,
        after.lost,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}
