//! Messages that repeat an event which the ledger has already: with them, every position of a stream is accounted for.

use sqlx::PgConnection;

use crate::{column, webhook_events::Event};

/// Notes the events that lie elsewhere than the ledger row with their key; a redelivery of that very row is none.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, events: &[&Event<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into webhook_event_duplicates
            (stream, stream_sequence, event_id, duplicate_of, provider, dedup_key, received_at)
        select new.stream, new.stream_sequence, new.event_id, event.id, new.provider, new.dedup_key, new.received_at
        from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
            as new (stream, stream_sequence, event_id, provider, dedup_key, received_at)
        left join webhook_events event on event.provider = new.provider and event.dedup_key = new.dedup_key
        where event.id is null or (event.stream, event.stream_sequence) <> (new.stream, new.stream_sequence)
        on conflict do nothing",
        &column(events, |event| event.position.stream) as _,
        &column(events, |event| event.position.sequence()),
        &column(events, |event| event.envelope.id.0),
        &column(events, |event| event.provider) as _,
        &column(events, |event| event.key()) as _,
        &column(events, |event| event.envelope.time),
    )
    .execute(connection)
    .await?;
    Ok(())
}
