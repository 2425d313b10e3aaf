//! The ledger by position on a stream: what an audit compares with the stream itself.
//!
//! Positions count anew when a stream is made anew. Rows that were made before that (`incarnation`) speak of other
//! messages.

use std::collections::BTreeSet;

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Status;
use crate::column;

/// A part of a stream: positions above `after`, up to `until`.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The stream.
    pub stream: &'a str,
    /// When the server made it.
    pub incarnation: OffsetDateTime,
    /// When the server made the next stream of that name, if it did.
    pub superseded: Option<OffsetDateTime>,
    /// The position before the first.
    pub after: i64,
    /// The last position.
    pub until: i64,
}

/// What the ledger knows of the positions of a stretch; each is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Completed.
    pub completed: i64,
    /// Dead.
    pub dead: i64,
    /// Neither.
    pub open: i64,
    /// Repeats of other events.
    pub duplicates: i64,
}

/// Positions without a gap between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Gap {
    /// How many positions it has.
    pub const fn len(&self) -> i64 {
        self.last - self.first + 1
    }

    /// Never: a gap has at least one position.
    pub const fn is_empty(&self) -> bool {
        self.last < self.first
    }
}

/// Counts a stretch. A position that was given out twice, by a stream that was set back to an earlier state, has two rows
/// and is counted once, as the one that is further from its end. Proved by `a_position_with_two_rows_is_counted_once`.
///
/// # Errors
/// Those of the database.
pub async fn tally(connection: &mut PgConnection, stretch: Stretch<'_>) -> sqlx::Result<Tally> {
    sqlx::query_as!(
        Tally,
        r#"with positions as (
            select bool_or(status not in ('completed', 'dead_letter')) as open, bool_or(status = 'dead_letter') as dead
            from webhook_events
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5::timestamptz is null or created_at < $5)
            group by stream_sequence
        )
        select count(*) filter (where not open and not dead) as "completed!",
            count(*) filter (where not open and dead) as "dead!",
            count(*) filter (where open) as "open!",
            (select count(distinct stream_sequence) from webhook_event_duplicates duplicate
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5::timestamptz is null or created_at < $5)
                and not exists (select from webhook_events event
                    where event.stream = $1 and event.stream_sequence = duplicate.stream_sequence
                        and event.created_at >= $4 and ($5 is null or event.created_at < $5))) as "duplicates!"
        from positions"#,
        stretch.stream,
        stretch.after,
        stretch.until,
        stretch.incarnation,
        stretch.superseded,
    )
    .fetch_one(connection)
    .await
}

/// The highest position above `last` that the ledger has of a stream made at `incarnation`, if there is one: of events
/// received since then, for what an earlier stream of that name held may be committed after it was made anew. Looks at
/// the thousand highest rows.
///
/// # Errors
/// Those of the database.
pub async fn highest_above(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    last: i64,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "select max(stream_sequence)
        from (
            select stream_sequence, created_at, received_at from webhook_events
            where stream = $1 and stream_sequence > $2
            order by stream_sequence desc
            limit 1000
        ) above
        where created_at >= $3 and received_at >= $3",
        stream,
        last,
        incarnation,
    )
    .fetch_one(connection)
    .await
}

/// The positions of a stretch that neither the ledger nor the list of duplicates knows, from the lowest.
///
/// # Errors
/// Those of the database.
pub async fn gaps(connection: &mut PgConnection, stretch: Stretch<'_>, limit: u16) -> sqlx::Result<Vec<Gap>> {
    sqlx::query_as!(
        Gap,
        r#"with known as (
            select stream_sequence as sequence from webhook_events
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5::timestamptz is null or created_at < $5)
            union
            select stream_sequence from webhook_event_duplicates
            where stream = $1 and stream_sequence > $2 and stream_sequence <= $3 and created_at >= $4
                and ($5 is null or created_at < $5)
            union all
            select $3 + 1
        ), steps as (
            select sequence, lag(sequence, 1, $2) over (order by sequence) as previous from known
        )
        select previous + 1 as "first!", sequence - 1 as "last!"
        from steps
        where sequence > previous + 1
        order by sequence
        limit $6"#,
        stretch.stream,
        stretch.after,
        stretch.until,
        stretch.incarnation,
        stretch.superseded,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

/// Which of these positions are repeats.
///
/// # Errors
/// Those of the database.
pub async fn repeats_at(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    sequences: &[i64],
) -> sqlx::Result<BTreeSet<i64>> {
    let rows = sqlx::query_scalar!(
        "select stream_sequence from webhook_event_duplicates
        where stream = $1 and stream_sequence = any($2) and created_at >= $3",
        stream,
        sequences,
        incarnation,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// What became of events, by id or by dedup key, wherever they lie.
///
/// # Errors
/// Those of the database.
pub async fn statuses(
    connection: &mut PgConnection,
    provider: &str,
    events: &[(EventId, &str)],
) -> sqlx::Result<Vec<Option<Status>>> {
    let rows = sqlx::query!(
        r#"select asked.position as "position!", event.status as "status: Status"
        from unnest($2::uuid[], $3::text[]) with ordinality as asked (id, dedup_key, position)
        left join lateral (
            (select status from webhook_events where id = asked.id)
            union all
            (select status from webhook_events where provider = $1 and dedup_key = asked.dedup_key)
            limit 1
        ) event on true
        order by asked.position"#,
        provider,
        &column(events, |(id, _)| id.0),
        &column(events, |(_, key)| *key) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.status).collect())
}
