//! Sessions of usage reports, as the sum of their queries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, text::storable, usage_queries::Query};

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// Its id, as the sender calls it.
    pub session_id: String,
    /// When its first query happened.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its last query happened.
    #[serde(with = "time::serde::rfc3339")]
    pub last_activity: OffsetDateTime,
    /// Queries.
    pub query_count: i64,
    /// Queries that say that they succeeded.
    pub success_count: i64,
    /// Queries that say that they failed.
    pub failure_count: i64,
    /// Tokens of all of them.
    pub total_tokens: i64,
    /// Cost of all of them.
    pub total_cost: f64,
    /// Mean time of an answer.
    pub avg_response_time_ms: Option<f64>,
    /// Models, as the sender calls them.
    pub models_used: Vec<String>,
    /// What its queries are about.
    pub categories: Vec<String>,
    /// What became of its events at the hooks.
    pub webhook_stats: WebhookStats,
}

/// What became of a session's events at the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WebhookStats {
    /// Events for hooks, each hook counted.
    pub total_deliveries: i64,
    /// Those that a hook took.
    pub successful_deliveries: i64,
    /// Attempts beyond the first of each.
    pub total_retries: i64,
}

/// All sessions of a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Totals {
    /// Sessions with a query in it.
    pub total: i64,
    /// Their queries in it.
    pub total_queries: i64,
    /// Tokens.
    pub total_tokens: i64,
    /// Cost.
    pub total_cost: f64,
    /// Queries of a session, on average.
    pub avg_queries_per_session: f64,
}

/// Longest list of models that a session keeps; more are other spellings.
const MODELS_MAX: i32 = 50;

/// What a batch adds to one session.
#[derive(Default)]
struct Added<'a> {
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
    queries: i64,
    successes: i64,
    failures: i64,
    tokens: i64,
    cost: f64,
    millis: i64,
    timed: i64,
    models: BTreeSet<&'a str>,
    categories: BTreeSet<&'static str>,
}

/// Adds queries to their sessions, whatever order they come in. Call it once for each query: it counts.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, queries: &[Query<'_>]) -> sqlx::Result<()> {
    // In the order of ids, each session once: two batches with the same sessions wait instead of deadlocking.
    let mut sessions: BTreeMap<_, Added<'_>> = BTreeMap::new();
    for query in queries {
        sessions.entry(storable(query.session_id)).or_default().add(query);
    }
    let rows: Vec<_> = sessions.into_iter().collect();
    sqlx::query!(
        "insert into usage_sessions as known (session_id, created_at, last_activity, query_count, success_count,
            failure_count, total_tokens, total_cost, total_response_time_ms, timed_count, models_used, categories)
        select session_id, created_at, last_activity, query_count, success_count, failure_count, total_tokens,
            total_cost, total_response_time_ms, timed_count,
            array(select jsonb_array_elements_text(models)), array(select jsonb_array_elements_text(categories))
        from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::double precision[], $9::bigint[], $10::bigint[], $11::jsonb[], $12::jsonb[])
            as new (session_id, created_at, last_activity, query_count, success_count, failure_count, total_tokens,
                total_cost, total_response_time_ms, timed_count, models, categories)
        on conflict on constraint usage_sessions_pkey do update set
            created_at = least(known.created_at, excluded.created_at),
            last_activity = greatest(known.last_activity, excluded.last_activity),
            query_count = known.query_count + excluded.query_count,
            success_count = known.success_count + excluded.success_count,
            failure_count = known.failure_count + excluded.failure_count,
            total_tokens = known.total_tokens + excluded.total_tokens,
            total_cost = known.total_cost + excluded.total_cost,
            total_response_time_ms = known.total_response_time_ms + excluded.total_response_time_ms,
            timed_count = known.timed_count + excluded.timed_count,
            models_used = array(select distinct model from unnest(known.models_used || excluded.models_used) as model
                order by model limit $13),
            categories = array(select distinct category
                from unnest(known.categories || excluded.categories) as category order by category)",
        &column(&rows, |(id, _)| id.as_ref()) as _,
        &column(&rows, |(_, added)| added.first) as _,
        &column(&rows, |(_, added)| added.last) as _,
        &column(&rows, |(_, added)| added.queries),
        &column(&rows, |(_, added)| added.successes),
        &column(&rows, |(_, added)| added.failures),
        &column(&rows, |(_, added)| added.tokens),
        &column(&rows, |(_, added)| added.cost),
        &column(&rows, |(_, added)| added.millis),
        &column(&rows, |(_, added)| added.timed),
        &column(&rows, |(_, added)| serde_json::json!(added.models)),
        &column(&rows, |(_, added)| serde_json::json!(added.categories)),
        i64::from(MODELS_MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl<'a> Added<'a> {
    fn add(&mut self, query: &Query<'a>) {
        let at = query.asked_at;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        self.queries += 1;
        self.successes += i64::from(query.success == Some(true));
        self.failures += i64::from(query.success == Some(false));
        self.tokens = self.tokens.saturating_add(query.tokens.unwrap_or_default());
        self.cost += query.cost.unwrap_or_default();
        self.millis = self.millis.saturating_add(query.response_time_ms.unwrap_or_default());
        self.timed += i64::from(query.response_time_ms.is_some());
        self.models.extend(query.model_name);
        self.categories.insert(query.category);
    }
}

/// One session.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, session_id: &str) -> sqlx::Result<Option<Session>> {
    Ok(read(connection, Some(session_id), 1).await?.pop())
}

/// The sessions that were active last.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection, rows_max: i64) -> sqlx::Result<Vec<Session>> {
    read(connection, None, rows_max).await
}

async fn read(
    connection: &mut PgConnection,
    session_id: Option<&str>,
    rows_max: i64,
) -> sqlx::Result<Vec<Session>> {
    let rows = sqlx::query!(
        r#"select session_id, created_at, last_activity, query_count, success_count, failure_count, total_tokens,
            total_cost, models_used, categories,
            total_response_time_ms::double precision / nullif(timed_count, 0) as avg_response_time_ms,
            hook.total as "total!", hook.successful as "successful!", hook.retries as "retries!"
        from (
            select * from usage_sessions
            where $1::text is null or session_id = $1
            order by last_activity desc, session_id limit $2
        ) session
        cross join lateral (
            select count(*) as total, count(*) filter (where delivery.status = 'delivered') as successful,
                coalesce(sum(greatest(delivery.attempts - 1, 0)), 0) as retries
            from hook_events event
            join hook_deliveries delivery using (event_id)
            where event.subject = session.session_id
        ) hook
        order by last_activity desc, session_id"#,
        session_id,
        rows_max,
    )
    .fetch_all(connection)
    .await?;
    let sessions = rows.into_iter().map(|row| Session {
        session_id: row.session_id,
        created_at: row.created_at,
        last_activity: row.last_activity,
        query_count: row.query_count,
        success_count: row.success_count,
        failure_count: row.failure_count,
        total_tokens: row.total_tokens,
        total_cost: row.total_cost,
        avg_response_time_ms: row.avg_response_time_ms,
        models_used: row.models_used,
        categories: row.categories,
        webhook_stats: WebhookStats {
            total_deliveries: row.total,
            successful_deliveries: row.successful,
            total_retries: row.retries,
        },
    });
    Ok(sessions.collect())
}

/// What happened since an instant.
///
/// # Errors
/// Those of the database.
pub async fn totals(connection: &mut PgConnection, since: OffsetDateTime) -> sqlx::Result<Totals> {
    let row = sqlx::query!(
        r#"select count(distinct session_id) as "total!", count(*) as "queries!",
            coalesce(sum(estimated_tokens), 0)::bigint as "tokens!",
            coalesce(sum(estimated_cost), 0) as "cost!"
        from usage_queries where asked_at >= $1"#,
        since,
    )
    .fetch_one(connection)
    .await?;
    #[expect(clippy::cast_precision_loss, reason = "an average for people")]
    let average = if row.total == 0 { 0.0 } else { row.queries as f64 / row.total as f64 };
    Ok(Totals {
        total: row.total,
        total_queries: row.queries,
        total_tokens: row.tokens,
        total_cost: row.cost,
        avg_queries_per_session: average,
    })
}
