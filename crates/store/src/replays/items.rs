//! What a job publishes again, item by item. An item is claimed, with the id of its replay, before it is published, and
//! marked after: whoever finds it claimed publishes it once more under the same id and key, which doubles nothing.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::bounded, webhook_events::ERROR_MAX_BYTES};

/// Where an item is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ItemState {
    /// To be published.
    Pending,
    /// Claimed by the runner; perhaps on the stream already.
    Publishing,
    /// On its stream.
    Published,
    /// Never to be published: it could not succeed.
    Refused,
    /// Could not be published.
    Failed,
}

/// Why an item is not to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In one word.
    pub code: &'static str,
    /// In a sentence.
    pub error: String,
}

/// An item to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its place in the job.
    pub position: i32,
    /// The event to be published again.
    pub event_id: Uuid,
    /// The original at the beginning of its chain of replays.
    pub root_id: Uuid,
    /// The consumer that alone shall see it.
    pub consumer: Option<String>,
    /// `ce-id` of the replay.
    pub replay_id: Uuid,
}

/// How many items were refused, or failed, for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The reason in one word.
    pub reason_code: String,
    /// In a sentence, as the first of them says it.
    pub error: String,
    /// How many.
    pub count: i64,
}

/// Adds items to a job, the first of them at `position`: event, root, consumer and stream of each, and why it is refused
/// if it is.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    connection: &mut PgConnection,
    job_id: Uuid,
    position: usize,
    items: &[(&super::Candidate, Option<&str>, Option<&Refusal>)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into replay_items (job_id, position, event_id, root_id, consumer, stream, state, reason_code, error, settled_at)
        select $1, $2::integer + item.place::integer, item.event_id, item.root_id, item.consumer, item.stream,
            case when item.reason_code is null then 'pending' else 'refused' end, item.reason_code, item.error,
            case when item.reason_code is not null then $3::timestamptz end
        from unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[])
            with ordinality as item (event_id, root_id, consumer, stream, reason_code, error, place)",
        job_id,
        i32::try_from(position).unwrap_or(i32::MAX),
        now,
        &column(items, |(candidate, ..)| candidate.event_id),
        &column(items, |(candidate, ..)| candidate.root_id),
        &column(items, |(_, consumer, _)| *consumer) as _,
        &column(items, |(candidate, ..)| candidate.stream.as_str()) as _,
        &column(items, |(.., refusal)| refusal.map(|refusal| refusal.code)) as _,
        &column(items, |(.., refusal)| refusal.map(|refusal| refusal.error.as_str())) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Claims the next items of a job that is running, those that an earlier runner left claimed among them: they are the
/// first. `ids` gives each of the others the id of its replay; as many are claimed as there are ids.
/// Waits for a change of the job's status and makes it wait, so that nothing is claimed once a pause is committed.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    connection: &mut PgConnection,
    job_id: Uuid,
    ids: &[Uuid],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Item>> {
    sqlx::query!(
        "update replay_jobs set started_at = coalesce(started_at, $2) where id = $1 and started_at is null",
        job_id,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_as!(
        Item,
        r#"with next as (
            select item.position
            from replay_items item
            join replay_jobs job on job.id = item.job_id and job.status = 'running'
            where item.job_id = $1 and item.state in ('pending', 'publishing')
            order by item.position
            limit $3
            for update of item for share of job
        ), numbered as (
            select position, row_number() over (order by position) as place from next
        )
        update replay_items item
        set state = 'publishing', replay_id = coalesce(item.replay_id, ($2::uuid[])[numbered.place])
        from numbered
        where item.job_id = $1 and item.position = numbered.position
        returning item.position, item.event_id, item.root_id, item.consumer, item.replay_id as "replay_id!""#,
        job_id,
        ids,
        i64::try_from(ids.len()).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await
}

/// Marks items as published, with their places on their stream, and the dead letters that they replay as replayed.
///
/// # Errors
/// Those of the database.
pub async fn publish(
    connection: &mut PgConnection,
    job_id: Uuid,
    published: &[(i32, u64)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let replays = sqlx::query!(
        r#"with published as (
            update replay_items item
            set state = 'published', stream_sequence = stored.sequence, settled_at = $4
            from unnest($2::integer[], $3::bigint[]) as stored (position, sequence)
            where item.job_id = $1 and item.position = stored.position and item.state = 'publishing'
            returning item.event_id, item.consumer, item.replay_id
        )
        select letter.id, published.replay_id as "replay_id!"
        from published
        join dead_letters letter on letter.event_id = published.event_id
            and (published.consumer is null or published.consumer = letter.consumer)
        order by letter.id"#,
        job_id,
        &column(published, |(position, _)| *position),
        &column(published, |(_, sequence)| i64::try_from(*sequence).unwrap_or(i64::MAX)),
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    let replays: Vec<_> = replays.into_iter().map(|row| (row.id, row.replay_id)).collect();
    if !replays.is_empty() {
        crate::dead_letters::mark_replayed(connection, &replays, now).await?;
    }
    Ok(())
}

/// Marks items as failed, each with its reason.
///
/// # Errors
/// Those of the database.
pub async fn fail(
    connection: &mut PgConnection,
    job_id: Uuid,
    failed: &[(i32, Refusal)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update replay_items item
        set state = 'failed', reason_code = failed.code, error = failed.error, settled_at = $5
        from unnest($2::integer[], $3::text[], $4::text[]) as failed (position, code, error)
        where item.job_id = $1 and item.position = failed.position and item.state = 'publishing'",
        job_id,
        &column(failed, |(position, _)| *position),
        &column(failed, |(_, refusal)| refusal.code) as _,
        &column(failed, |(_, refusal)| bounded(&refusal.error, ERROR_MAX_BYTES)) as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Why items of a job were refused or failed, most frequent reason first.
///
/// # Errors
/// Those of the database.
pub async fn refusals(connection: &mut PgConnection, job_id: Uuid) -> sqlx::Result<Vec<Refused>> {
    sqlx::query_as!(
        Refused,
        r#"select reason_code as "reason_code!", coalesce(min(error), '') as "error!", count(*) as "count!"
        from replay_items
        where job_id = $1 and reason_code is not null
        group by reason_code
        order by count(*) desc, reason_code"#,
        job_id,
    )
    .fetch_all(connection)
    .await
}
