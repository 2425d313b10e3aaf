//! Rows of an age.

use testkit::Database;
use time::{OffsetDateTime, macros::datetime};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// Ledger rows in a status, settled so many days ago, at the positions from `sequence` on.
pub(crate) async fn events(database: &Database, status: &str, count: i64, days: i64, sequence: i64) {
    sqlx::query(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, status, attempts, error_code, body,
            content_type, stream, stream_subject, stream_sequence, received_at, processed_at)
        select gen_random_uuid(), 'c2s', '/test', 'c2s.lead.created', 'key-' || n, $1, 1,
            case when $1 in ('failed', 'dead_letter') then 'timeout' end, 'body', 'text/plain', 'C2S',
            'ingest.c2s.created', n, $2 + n * interval '1 microsecond',
            case when $1 in ('completed', 'dead_letter') then $2 + interval '1 second' end
        from generate_series($3, $3 + $4 - 1) n",
    )
    .bind(status)
    .bind(NOW - time::Duration::days(days))
    .bind(sequence)
    .bind(count)
    .execute(database.pool())
    .await
    .unwrap();
}

/// The books of the stream, counted up to a position.
pub(crate) async fn settled_until(database: &Database, sequence: i64) {
    sqlx::query(
        "insert into stream_accounts (stream, incarnation, provider, last_sequence, settled_sequence, completed, dead,
            duplicates, directed, lost, updated_at)
        values ('C2S', '2020-01-01 00:00Z', 'c2s', 1000, $1, $1, 0, 0, 0, 0, now())
        on conflict (stream, incarnation) do update set settled_sequence = $1, completed = $1",
    )
    .bind(sequence)
    .execute(database.pool())
    .await
    .unwrap();
}

/// One row (and what hangs on it) of another table, so many days old. Those about an event are about the only one.
pub(crate) async fn rows(database: &Database, table: &str, days: i64) {
    let statements: &[&'static str] = match table {
        "duplicates" => &["insert into webhook_event_duplicates (stream, stream_sequence, event_id, provider, dedup_key,
                received_at)
            values ('C2S', 50, gen_random_uuid(), 'c2s', 'key-1', $1)"],
        "handlings" => &["insert into event_handlings (event_id, consumer, provider, dedup_key, stream, stream_sequence,
                status, attempts, started_at, finished_at)
            select id, 'c2s-enricher', 'c2s', dedup_key, stream, stream_sequence, 'completed', 1, $1, $1
            from webhook_events"],
        "dead_letters" => &["insert into dead_letters (id, event_id, consumer, provider, source, event_type, dedup_key,
                stream, stream_subject, stream_sequence, content_type, attempts, reason_code, fingerprint, received_at,
                first_failed_at, last_failed_at, found_by)
            select ('00000000-0000-7000-8000-' || lpad(to_hex(row_number() over ()), 12, '0'))::uuid, id, 'c2s-leads', 'c2s', source, event_type, dedup_key, stream,
                stream_subject, stream_sequence, content_type, 1, 'timeout', 'f', $1, $1, $1, 'verdict'
            from webhook_events"],
        "replays" => &[
            "insert into replay_jobs (id, name, status, selection, rate_per_second, force_effects, total, created_at,
                finished_at)
            values ('00000000-0000-7000-8000-000000000001', 'job', 'completed', '{}', 1, false, 120, $1, $1)",
            "insert into replay_items (job_id, position, event_id, root_id, stream, state, replay_id, settled_at)
            select '00000000-0000-7000-8000-000000000001', n, gen_random_uuid(), gen_random_uuid(), 'C2S', 'published',
                gen_random_uuid(), $1
            from generate_series(1, 120) n",
        ],
        "sessions" => &[
            "insert into usage_sessions (session_id, created_at, last_activity, query_count, success_count,
                failure_count, total_tokens, total_cost, total_response_time_ms, timed_count, models_used, categories)
            values ('session-1', $1, $1, 2, 2, 0, 1, 1, 1, 1, '{}', '{}')",
            "insert into usage_queries (event_id, session_id, asked_at, received_at, category, estimated_complexity,
                model_used)
            select gen_random_uuid(), 'session-1', $1, $1, 'general', 1, 'other' from generate_series(1, 2)",
        ],
        "hook_events" => &[
            "insert into hook_events (event_id, root_id, consumer, provider, event_type, body, headers, stream,
                stream_subject, stream_sequence, received_at, created_at)
            values ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 'zapier-dispatcher',
                'usage', 'usage.event', 'body', '[]', 'USAGE', 'ingest.usage.event', 1, $1, $1)",
            "insert into hook_deliveries (event_id, hook_id, hook_name, status, due_at, created_at, finished_at)
            values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'hook', 'delivered', $1, $1, $1)",
            "insert into hook_attempts (event_id, hook_id, number, started_at, duration_ms, outcome)
            values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 1, $1, 1, 'delivered')",
        ],
        _ => unreachable!("no rows of {table} are known"),
    };
    for statement in statements {
        let at = NOW - time::Duration::days(days);
        sqlx::query(*statement).bind(at).execute(database.pool()).await.unwrap();
    }
}

pub(crate) async fn count(database: &Database, sql: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    sqlx::query_scalar(sql).fetch_one(database.pool()).await.unwrap()
}
