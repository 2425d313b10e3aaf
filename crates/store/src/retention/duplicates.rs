//! Old notes of messages that repeated an event.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Old, Step};

/// Where a step ended, and what it is about: stream, position, event.
pub type Key = (String, i64, Uuid);

/// The next old notes, by stream and position. A note may go once the books of its stream have counted it for good.
/// Their provider's status says nothing: a repeat has none.
///
/// # Errors
/// Those of the database.
pub async fn step(
    connection: &mut PgConnection,
    old: &Old<'_>,
    after: Option<Key>,
) -> sqlx::Result<Step<Key, Key>> {
    let (stream, sequence, id) =
        after.map_or((None, None, None), |(stream, sequence, id)| (Some(stream), Some(sequence), Some(id)));
    // By key and without a condition on the time, so that each step reads what it is bounded by; the last one is the
    // first that shows nothing old.
    let window = sqlx::query!(
        r#"select stream, stream_sequence, event_id, received_at < $2 as "is_old!",
            exists (
                select from stream_accounts account
                where account.stream = note.stream
                    and (note.stream_sequence <= account.settled_sequence or note.received_at < account.incarnation)
                    and not exists (
                        select from stream_accounts newer
                        where newer.stream = account.stream and newer.incarnation > account.incarnation
                    )
            ) as "is_counted!"
        from webhook_event_duplicates note
        where note.provider = $1
            and ($3::text is null or (stream, stream_sequence, event_id) > ($3, $4::bigint, $5::uuid))
        order by stream, stream_sequence, event_id
        limit $6"#,
        old.provider,
        old.before,
        stream,
        sequence,
        id,
        old.limit,
    )
    .fetch_all(connection)
    .await?;
    let last = window.last().map(|row| (row.stream.clone(), row.stream_sequence, row.event_id));
    let any_old = window.iter().any(|row| row.is_old);
    let seen = i64::try_from(window.len()).unwrap_or(i64::MAX);
    let olds = window.into_iter().filter(|row| row.is_old);
    let step = Step::of(
        olds.map(|row| ((row.stream, row.stream_sequence, row.event_id), row.is_counted)).collect(),
        None,
        0,
    );
    Ok(Step { next: last.filter(|_| any_old && seen >= old.limit), ..step })
}

/// Deletes these notes, and says how many there were.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, keys: &[Key]) -> sqlx::Result<u64> {
    let streams: Vec<_> = keys.iter().map(|(stream, ..)| stream.as_str()).collect();
    let sequences: Vec<_> = keys.iter().map(|(_, sequence, _)| *sequence).collect();
    let ids: Vec<_> = keys.iter().map(|(.., id)| *id).collect();
    let deleted = sqlx::query!(
        "delete from webhook_event_duplicates note
        using unnest($1::text[], $2::bigint[], $3::uuid[]) as old (stream, stream_sequence, event_id)
        where note.stream = old.stream and note.stream_sequence = old.stream_sequence and note.event_id = old.event_id",
        &streams as _,
        &sequences,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}
