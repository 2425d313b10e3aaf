//! Stores Contact2Sale leads, and enriches them: what the edge made durable on stream `C2S` becomes a row of the ledger,
//! an event of a lead, and the lead as its newest event describes it; and, where a token is set, a message on the lead
//! that says whose it is.
//!
//! Promises of the store:
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
//! The enricher has a pull loop of its own, so that its limits never hold up the store; what it promises stands there.
//!
//! It never creates streams or tables, and never answers a webhook.

mod enricher;
mod event;
mod forget;
mod journal;
mod leads;
mod poll;

use std::sync::Arc;

use config::Settings;
use consumer::{Account, OneByOne, Source};
use contract::stream::c2s::{ENRICHER_CONSUMER, LEADS_CONSUMER, STREAM};
use lifecycle::Shutdown;

pub use service::Open;

use crate::{enricher::Enricher, leads::Leads};

/// What the service's consumers received and settled.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Of the consumer that stores leads.
    pub leads: Arc<Account>,
    /// Of the consumer that enriches them; none while that is off.
    pub enricher: Option<Arc<Account>>,
}

/// Starts the service on `shutdown`, and returns the accounts of its consumers.
///
/// # Errors
/// The stream or a consumer of it is not there, or contradicts a promise, or a setting cannot be used; the error says
/// what to do.
pub async fn start(open: Open, settings: &Settings, shutdown: &Shutdown) -> anyhow::Result<Accounts> {
    let enricher = Enricher::new(settings, &open.pool)?;
    let destinations = enricher.as_ref().map(Enricher::destinations).unwrap_or_default();
    let watch = enricher::watch(&open.pool, destinations);
    let checked = watch.clone();
    let (bus, pool) = service::start_with(open, STREAM, shutdown, |health| {
        health.inform("enricher", move || {
            let watch = checked.clone();
            async move { watch.check().await }
        })
    })
    .await?;
    poll::start(settings, &bus, &pool, shutdown)?;
    let forgetting = forget::run(pool.clone(), settings.people.clone(), shutdown.clone());
    shutdown.spawn_required("forget", forgetting);
    let source = Source { stream: STREAM, consumer: LEADS_CONSUMER };
    let leads = consumer::start(&bus, source, &settings.c2s.leads, Leads::new(pool), shutdown).await?;
    let enricher = match enricher {
        None => None,
        Some(enricher) => {
            enricher::start_watch(&watch, shutdown);
            let source = Source { stream: STREAM, consumer: ENRICHER_CONSUMER };
            let pulling = &settings.c2s.enricher.consumer;
            Some(consumer::start(&bus, source, pulling, OneByOne(enricher), shutdown).await?)
        }
    };
    Ok(Accounts { leads, enricher })
}
