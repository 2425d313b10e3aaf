//! Stores what Bright Data collected: each part of a delivery that the edge made durable on stream `BRIGHTDATA` becomes
//! rows of posts, comments and profiles, and its notifications move the jobs that they are about.
//!
//! Promises:
//! - Every record of a part is in exactly one place: a typed table, `scrape_record_errors`, or `unrecognised_records`.
//!   Proved by `every_line_ends_up_somewhere`.
//! - Rows say what their newest record says, in whatever order parts come and however often. Proved by
//!   `shuffled_and_repeated_parts_give_the_same_rows`.
//! - A value that cannot be (a counter of 5e32) is null and told, and harms no other. Proved by
//!   `a_corrupt_counter_is_null_and_told`.
//! - Notifications and data may come in any order, with or without a job that we know. Proved by
//!   `a_job_ends_up_the_same_in_every_order`.
//! - What a part did is committed once, and told on `results.brightdata.*` before it is acknowledged. Proved by
//!   `a_crash_between_commit_and_acknowledgement_doubles_nothing_and_tells_the_result` and
//!   `a_program_that_is_killed_in_the_middle_of_a_delivery_leaves_nothing_out_and_nothing_doubled`.
//!
//! It never calls Bright Data, never fetches an address that a body names, and never creates streams or tables.

mod body;
mod instant;
mod journal;
mod map;
mod number;
mod processor;
mod reading;
mod record;
mod said;
mod schema;
mod sort;
mod telling;
#[cfg(test)]
mod testing;
mod writing;

use std::sync::Arc;

use bus::Topology;
use consumer::{Account, Source};
use contract::stream::{
    RESULTS,
    brightdata::{PROCESSOR_CONSUMER, STREAM},
};
use lifecycle::Shutdown;

pub use service::Open;

use crate::processor::Processor;

/// Starts the service on `shutdown`, and returns the account of what its consumer received and settled.
///
/// # Errors
/// A stream or the consumer is not there, or contradicts a promise; the error says what to do.
pub async fn start(
    open: Open,
    config: &config::BrightData,
    nats: &config::Nats,
    shutdown: &Shutdown,
) -> anyhow::Result<Arc<Account>> {
    let (bus, pool) = service::start(open, STREAM, shutdown).await?;
    Topology::embedded().verify(&bus, RESULTS).await?;
    let processor = Processor::new(&bus, pool, nats);
    let source = Source { stream: STREAM, consumer: PROCESSOR_CONSUMER };
    consumer::start(&bus, source, &config.processor, processor, shutdown).await
}
