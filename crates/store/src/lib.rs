//! PostgreSQL: the pool, the migrations, and all SQL, one module per table.
//!
//! Functions take a `&mut PgConnection`: the caller owns the transaction and says what time it is. None of them opens
//! a span, retries, or reads a clock.

mod fault;
pub mod lead_events;
pub mod leads;
mod pool;
mod text;
pub mod webhook_event_duplicates;
pub mod webhook_events;

pub use fault::{Fault, classify, sqlstate};
pub use pool::{
    SERVER_VERSION_MIN, close, connect, is_connected, is_migrated, migrate, migrations_pending,
    server_version,
};

/// One column of many rows, as `unnest` takes it.
fn column<'a, Row, Value>(rows: &'a [Row], value: impl FnMut(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}
