//! PostgreSQL: the pool, the migrations, and all SQL, one module per table.
//!
//! Functions take a `&mut PgConnection`: the caller owns the transaction and says what time it is. None of them opens
//! a span, retries, or reads a clock.

pub mod audit_reports;
mod clock;
pub mod consumer_accounts;
pub mod dead_letters;
pub mod event_handlings;
pub mod failure_groups;
mod fault;
pub mod hook_deliveries;
pub mod hooks;
pub mod instagram_accounts;
pub mod instagram_comments;
pub mod instagram_conversations;
pub mod instagram_mentions;
pub mod instagram_messages;
pub mod instagram_postbacks;
pub mod instagram_reactions;
pub mod instagram_referrals;
pub mod instagram_seen;
pub mod instagram_story_insights;
pub mod instagram_subscriptions;
pub mod lead_enrichments;
pub mod lead_events;
pub mod lead_messages;
pub mod leads;
mod lock;
pub mod lost_positions;
pub mod people;
pub mod person_erasures;
mod pool;
pub mod rate_limits;
pub mod redaction;
pub mod replays;
pub mod retention;
pub mod schema_drift;
pub mod scrape_record_errors;
pub mod scrape_requests;
mod scraped;
pub mod social_comments;
pub mod social_posts;
pub mod social_profiles;
pub mod stream_accounts;
mod text;
mod turn;
pub mod unrecognised_records;
pub mod usage_queries;
pub mod usage_sessions;
pub mod webhook_event_duplicates;
pub mod webhook_events;

pub use clock::now;
pub use fault::{Fault, classify, sqlstate};
pub use lock::{Lock, try_lock};
pub use pool::{
    SERVER_VERSION_MIN, close, connect, is_connected, is_migrated, migrate, migrations_pending,
    server_version,
};

pub use scraped::{Media, Provenance, Reaction};
pub use turn::Turn;

/// One column of many rows, as `unnest` takes it.
fn column<'a, Row, Value>(rows: &'a [Row], value: impl FnMut(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}

/// The rows in the order of their keys, so that two transactions with the same rows wait for each other instead of
/// deadlocking.
fn in_order<Row: Copy, Key: Ord>(rows: &[Row], key: impl Fn(&Row) -> Key) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(key);
    rows
}

/// One row per key, in the order of keys: one statement must not touch a row twice, and two transactions with the same
/// rows must wait for each other instead of deadlocking. Of several rows with one key the newest remains.
fn newest_of_each<Row: Copy, Key: Ord, Version: Ord>(
    rows: &[Row],
    key: impl Fn(&Row) -> Key,
    version: impl Fn(&Row) -> Version,
) -> Vec<Row> {
    let mut newest = std::collections::BTreeMap::new();
    for row in rows {
        let kept = newest.entry(key(row)).or_insert(*row);
        if version(kept) < version(row) {
            *kept = *row;
        }
    }
    newest.into_values().collect()
}
