//! Records what consumers gave up, so that it outlives its stream, and finds out whether anything vanished.
//!
//! Promises:
//! - What the broker gave up is a dead letter with its body, headers, reason and last error, once, however often the
//!   broker says so. Proved by `an_advisory_that_comes_twice_is_one_dead_letter` and
//!   `ten_thousand_at_once_are_ten_thousand_dead_letters`.
//! - The ledger row turns dead in the same transaction; what is completed never does. Proved by
//!   `what_is_completed_is_never_turned_dead`.
//! - It needs no advisory: an audit finds what they did not tell. Proved by
//!   `an_advisory_that_was_lost_with_the_broker_is_made_up_for`.
//! - Each new dead letter is told on `results.<provider>.dead_letter`. Proved by `a_dead_letter_is_told_once`.
//! - Replay jobs that people start are worked on here, by one process at a time; see the crate `replay`.
//!
//! It never handles an event, and never replays one by itself.

mod advisory;
mod announcer;
mod auditing;
mod recorder;
mod retention;

use std::sync::Arc;

use bus::Topology;
use consumer::{Account, Source};
use contract::stream::{ADVISORIES, DEAD_LETTERS_CONSUMER, RESULTS};
use lifecycle::Shutdown;

pub use service::Open;

use crate::recorder::Recorder;

/// Starts the service on `shutdown`, and returns the account of the advisories that its consumer received and settled.
///
/// # Errors
/// A stream or the consumer is not there, or contradicts a promise; the error says what to do.
pub async fn start(
    open: Open,
    settings: &config::Settings,
    shutdown: &Shutdown,
) -> anyhow::Result<Arc<Account>> {
    let config = &settings.dead_letters;
    let (bus, pool) = service::start(open, ADVISORIES, shutdown).await?;
    Topology::embedded().verify(&bus, RESULTS).await?;
    shutdown.spawn_required(
        "announcer",
        announcer::run(bus.clone(), pool.clone(), settings.nats.clone(), shutdown.clone()),
    );
    shutdown.spawn_required(
        "audit",
        auditing::run(
            bus.clone(),
            pool.clone(),
            settings.nats.clone(),
            config.audit.clone(),
            shutdown.clone(),
        ),
    );
    shutdown.spawn_required(
        "retention",
        retention::run(bus.clone(), pool.clone(), settings.retention.clone(), shutdown.clone()),
    );
    shutdown.spawn_required(
        "replays",
        replay::run(bus.clone(), pool.clone(), settings.nats.clone(), shutdown.clone()),
    );
    let recorder = Recorder::new(&bus, pool, &settings.nats, &config.audit);
    let source = Source { stream: ADVISORIES, consumer: DEAD_LETTERS_CONSUMER };
    consumer::start(&bus, source, &config.recorder, recorder, shutdown).await
}
