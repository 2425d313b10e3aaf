//! Stores Instagram events: what the edge made durable on stream `INSTAGRAM` becomes a row of the ledger, and what it
//! says becomes accounts, conversations, messages, reactions, comments and the rest.
//!
//! Promises:
//! - Any order of the events about a message leads to the same rows; late events never undo newer ones. Proved by
//!   `any_order_of_events_about_a_message_leads_to_the_same_rows` and the tests of `order.rs`.
//! - An event has its effects once, in one transaction with its ledger row, before it is acknowledged. Proved by
//!   `a_stream_that_is_delivered_all_over_again_changes_nothing` and
//!   `an_event_that_the_database_refuses_is_dead_and_its_neighbours_are_stored`.
//! - An event of a kind or shape that we do not know is completed, with its exact bytes in the ledger and nowhere else.
//!   Proved by `what_we_do_not_know_is_completed_and_kept_raw`.
//! - What the dashboard's Test button sends is completed and marked in the ledger, and is in no other table. Proved by
//!   `a_press_of_the_test_button_is_in_the_ledger_alone`.
//! - Silence is measurable: per account in `instagram_accounts.last_webhook_at`, over all by three gauges. Proved by
//!   `every_webhook_is_a_sign_of_life_and_a_replay_is_none` and `metrics_tell_how_silent_meta_is`.
//!
//! It never calls Meta, never creates streams or tables, and never answers a webhook.

mod effects;
mod event;
mod handler;
mod item;
mod silence;

use std::sync::Arc;

use consumer::{Account, Source};
use contract::stream::instagram::{HANDLER_CONSUMER, STREAM};
use lifecycle::Shutdown;

pub use service::Open;

use crate::handler::Handler;

/// Starts the service on `shutdown`, and returns the account of what its consumer received and settled.
///
/// # Errors
/// The stream or its consumer is not there, or contradicts a promise; the error says what to do.
pub async fn start(
    open: Open,
    config: &config::Instagram,
    shutdown: &Shutdown,
) -> anyhow::Result<Arc<Account>> {
    let (bus, pool) = service::start(open, STREAM, shutdown).await?;
    let silence = silence::run(pool.clone(), config.graph.silence(), shutdown.clone());
    shutdown.spawn_required("silence", silence);
    let source = Source { stream: STREAM, consumer: HANDLER_CONSUMER };
    consumer::start(&bus, source, &config.handler, Handler::new(pool), shutdown).await
}
