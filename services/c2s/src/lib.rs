//! Stores Contact2Sale leads: what the edge made durable on stream `C2S` becomes a row of the ledger, an event of a lead,
//! and the lead as its newest event describes it.
//!
//! Promises:
//! - An event has its effects once, however often and however late it comes again. Proved by
//!   `a_duplicate_outside_every_window_has_no_second_effect` and
//!   `a_stream_that_is_delivered_all_over_again_changes_nothing`.
//! - Ledger row and effects commit in one transaction, before the event is acknowledged. Proved by
//!   `an_event_that_the_database_refuses_is_dead_and_its_neighbours_are_stored`.
//! - An event that cannot be stored, or that the edge refused, is a dead letter with its reason and its exact bytes.
//!   Proved by `what_is_no_event_is_a_dead_letter_and_its_neighbours_are_stored`.
//! - A database that is away, frozen or locked, for however long, costs no event an attempt. Proved by
//!   `a_database_that_is_away_costs_no_attempts_and_loses_nothing`,
//!   `a_database_that_freezes_in_the_middle_of_a_statement_costs_no_attempt` and
//!   `a_table_that_is_locked_for_long_costs_no_attempts`.
//!
//! It never calls Contact2Sale, never creates streams or tables, and never answers a webhook.

mod event;
mod journal;
mod leads;

use std::sync::Arc;

use consumer::{Account, Source};
use contract::stream::c2s::{LEADS_CONSUMER, STREAM};
use lifecycle::Shutdown;

pub use service::Open;

use crate::leads::Leads;

/// Starts the service on `shutdown`, and returns the account of what its consumer received and settled.
///
/// # Errors
/// The stream or its consumer is not there, or contradicts a promise; the error says what to do.
pub async fn start(open: Open, config: &config::C2s, shutdown: &Shutdown) -> anyhow::Result<Arc<Account>> {
    let (bus, pool) = service::start(open, STREAM, shutdown).await?;
    let source = Source { stream: STREAM, consumer: LEADS_CONSUMER };
    consumer::start(&bus, source, &config.leads, Leads::new(pool), shutdown).await
}
