//! Usage reports, one row each.

use contract::EventId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{column, text::storable};

/// One query that an application put to a language model.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The event that reports it.
    pub event_id: EventId,
    /// Its session.
    pub session_id: &'a str,
    /// When it happened.
    pub asked_at: OffsetDateTime,
    /// When the edge received the report.
    pub received_at: OffsetDateTime,
    /// Its beginning.
    pub summary: Option<String>,
    /// How long it is, where the report has it whole.
    pub chars: Option<i32>,
    /// What it is about.
    pub category: &'static str,
    /// 1 to 3.
    pub complexity: i16,
    /// The model, as the sender calls it.
    pub model_name: Option<&'a str>,
    /// Its family.
    pub model_used: &'static str,
    /// How long the answer took.
    pub response_time_ms: Option<i64>,
    /// Tokens of query and answer.
    pub tokens: Option<i64>,
    /// What it cost.
    pub cost: Option<f64>,
    /// Whether there was an answer.
    pub success: Option<bool>,
}

/// Adds queries; one that is there already stays as it is.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, queries: &[Query<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into usage_queries (event_id, session_id, asked_at, received_at, summary, query_chars, category,
            estimated_complexity, model_name, model_used, response_time_ms, estimated_tokens, estimated_cost, success)
        select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::integer[],
            $7::text[], $8::smallint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::double precision[],
            $14::boolean[])
        on conflict do nothing",
        &column(queries, |query| query.event_id.0),
        &column(queries, |query| storable(query.session_id)) as _,
        &column(queries, |query| query.asked_at),
        &column(queries, |query| query.received_at),
        &column(queries, |query| query.summary.as_deref().map(storable)) as _,
        &column(queries, |query| query.chars) as _,
        &column(queries, |query| query.category) as _,
        &column(queries, |query| query.complexity),
        &column(queries, |query| query.model_name.map(storable)) as _,
        &column(queries, |query| query.model_used) as _,
        &column(queries, |query| query.response_time_ms) as _,
        &column(queries, |query| query.tokens) as _,
        &column(queries, |query| query.cost) as _,
        &column(queries, |query| query.success) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the beginnings of these reports' queries, which may end in the middle of what identifies a person, and says
/// how many they were.
///
/// # Errors
/// Those of the database.
pub async fn erase_summaries(connection: &mut PgConnection, event_ids: &[Uuid]) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update usage_queries set summary = null where event_id = any($1) and summary is not null",
        event_ids,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}
