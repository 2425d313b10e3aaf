//! Putting events into the queues of the hooks that want them.

use contract::EventId;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::storable, webhook_events::Event};

/// An event, with the hooks that it is for.
#[derive(Debug)]
pub struct HookEvent<'a> {
    /// The event.
    pub event: Event<'a>,
    /// All headers of its message.
    pub headers: Vec<(String, String)>,
    /// The event itself, or the first one of those that it replays.
    pub root: EventId,
    /// It goes to hooks that have it, or will, from another event of the same root, too.
    pub is_forced: bool,
    /// Id and name of each hook.
    pub hooks: Vec<(Uuid, &'a str)>,
}

/// Puts events into the queues of their hooks. Gives the events that wait for a hook now, those included that wait since
/// an earlier delivery of their message, whose acknowledgement was lost: of the others, no hook wants them, or each has
/// them already. Proved by `a_replay_goes_to_those_hooks_alone_that_lack_the_event` and
/// `an_event_that_comes_again_is_not_done_while_a_hook_waits_for_it`.
///
/// # Errors
/// Those of the database.
pub async fn fan_out(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[HookEvent<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Uuid>> {
    let wanted: Vec<_> = events.iter().filter(|event| !event.hooks.is_empty()).collect();
    if !wanted.is_empty() {
        insert_events(connection, consumer, &wanted, now).await?;
        insert_deliveries(connection, &wanted, now).await?;
    }
    sqlx::query_scalar!(
        "select distinct event_id from hook_deliveries where event_id = any($1) and status = 'pending'",
        &column(events, |event| event.event.envelope.id.0),
    )
    .fetch_all(connection)
    .await
}

async fn insert_deliveries(
    connection: &mut PgConnection,
    events: &[&HookEvent<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let pairs: Vec<_> =
        events.iter().flat_map(|event| event.hooks.iter().map(move |hook| (event, hook))).collect();
    sqlx::query!(
        "insert into hook_deliveries (event_id, hook_id, hook_name, status, due_at, created_at)
        select new.event_id, new.hook_id, new.hook_name, 'pending', $6, $6
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[])
            as new (event_id, root_id, hook_id, hook_name, is_forced)
        where new.is_forced or not exists (
            select from hook_events event
            join hook_deliveries delivery using (event_id)
            where event.root_id = new.root_id and event.event_id <> new.event_id
                and delivery.hook_id = new.hook_id and delivery.status in ('pending', 'delivered')
        )
        on conflict do nothing",
        &column(&pairs, |(event, _)| event.event.envelope.id.0),
        &column(&pairs, |(event, _)| event.root.0),
        &column(&pairs, |(_, (id, _))| *id),
        &column(&pairs, |(_, (_, name))| *name) as _,
        &column(&pairs, |(event, _)| event.is_forced),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_events(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[&HookEvent<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let headers = |event: &&HookEvent<'_>| -> Value {
        let pairs = event.headers.iter();
        pairs.map(|(name, value)| Value::from(vec![storable(name), storable(value)])).collect()
    };
    sqlx::query!(
        "insert into hook_events (event_id, root_id, consumer, provider, event_type, subject, body, headers, stream,
            stream_subject, stream_sequence, received_at, created_at)
        select event_id, root_id, $1, provider, event_type, subject, body, headers, stream, stream_subject,
            stream_sequence, received_at, $2
        from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::jsonb[], $10::text[],
            $11::text[], $12::bigint[], $13::timestamptz[])
            as new (event_id, root_id, provider, event_type, subject, body, headers, stream, stream_subject,
                stream_sequence, received_at)
        on conflict do nothing",
        consumer,
        now,
        &column(events, |event| event.event.envelope.id.0),
        &column(events, |event| event.root.0),
        &column(events, |event| event.event.provider) as _,
        &column(events, |event| storable(&event.event.envelope.event_type)) as _,
        &column(events, |event| event.event.envelope.subject.as_deref().map(storable)) as _,
        &column(events, |event| event.event.body) as _,
        &column(events, headers),
        &column(events, |event| event.event.position.stream) as _,
        &column(events, |event| storable(event.event.position.subject)) as _,
        &column(events, |event| event.event.position.sequence()),
        &column(events, |event| event.event.envelope.time),
    )
    .execute(connection)
    .await?;
    Ok(())
}
