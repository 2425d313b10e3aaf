//! The chain of an event's replays, both ways.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// One event of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The event.
    pub id: Uuid,
    /// The event that it replays; the original has none.
    pub replayed_from: Option<Uuid>,
    /// What became of it; `open` where nobody has seen it yet.
    pub status: String,
    /// Why it was given up.
    pub error_code: Option<String>,
    /// The event that had the effects in its place.
    pub effects_by: Option<Uuid>,
    /// The consumer that alone saw it.
    pub consumer: Option<String>,
    /// The job that published it.
    pub job: Option<String>,
    /// When it was published again; of the original, when the edge received it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub at: Option<OffsetDateTime>,
}

/// The original of the chain that `id` is part of, and every replay of it, oldest first; the event alone when there are
/// none.
///
/// # Errors
/// Those of the database.
pub async fn chain(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Link>> {
    sqlx::query_as!(
        Link,
        r#"with root as (
            select coalesce(
                (select replay_root from webhook_events where id = $1),
                (select root_id from replay_items where replay_id = $1),
                $1
            ) as id
        ), replay as (
            select item.replay_id as id, item.event_id as replayed_from, item.consumer, item.settled_at, job.name
            from replay_items item
            join replay_jobs job on job.id = item.job_id
            where item.root_id = (select id from root) and item.replay_id is not null
        ), known as (
            select id from replay
            union
            select id from webhook_events where id = (select id from root) or replay_root = (select id from root)
        )
        select known.id as "id!", coalesce(event.replayed_from, replay.replayed_from) as "replayed_from?",
            coalesce(event.status, handling.status, 'open') as "status!",
            coalesce(event.error_code, handling.error_code) as "error_code?", event.effects_by as "effects_by?", replay.consumer as "consumer?",
            replay.name as "job?",
            coalesce(replay.settled_at, case when event.replayed_from is null then event.received_at else event.created_at end)
                as "at?"
        from known
        left join replay on replay.id = known.id
        left join webhook_events event on event.id = known.id
        left join event_handlings handling on handling.event_id = known.id and handling.consumer = replay.consumer
        order by coalesce(event.replayed_from, replay.replayed_from) is not null, known.id"#,
        id,
    )
    .fetch_all(connection)
    .await
}
