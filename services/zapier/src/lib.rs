//! Stores usage reports, and sends them on: what the edge made durable on stream `USAGE` becomes a row of the ledger, a
//! query and its session, and a message to every hook that wants it.
//!
//! Promises:
//! - A report counts once in its session, however often and however late it comes again. Proved by
//!   `a_report_counts_once_however_often_it_comes`.
//! - A hook that hangs, fails, throttles or is retired keeps its own events waiting, and nobody else's. Proved by
//!   `a_hook_that_hangs_keeps_no_other_waiting`.
//! - What a hook's limit does not allow now waits, for all replicas together, and is never dropped. Proved by
//!   `three_replicas_together_keep_a_hooks_limit`.
//! - A process that dies between sending and writing that down leads to a second message with the same `webhook-id`, never
//!   to none. Proved by `what_a_dead_process_held_is_sent_again_under_the_same_id`.
//! - What no attempt could deliver is a dead letter with its reason and its exact bytes. Proved by
//!   `an_event_that_its_hook_refuses_is_a_dead_letter`.
//!
//! It never answers a webhook, never creates streams or tables, and never follows a redirect.

mod dispatcher;
mod event;
mod render;
mod sessions;

use std::sync::Arc;

use anyhow::Context as _;
use consumer::{Account, Source};
use contract::stream::usage::{DISPATCHER_CONSUMER, SESSIONS_CONSUMER, STREAM};
use hooks::{Catalogue, Hooks};
use lifecycle::Shutdown;
use seal::Keyring;
use tracing::info;

pub use service::Open;

use crate::{dispatcher::Dispatcher, sessions::Sessions};

/// What each consumer received and settled.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Of the one that stores.
    pub sessions: Arc<Account>,
    /// Of the one that hands events to the hooks.
    pub dispatcher: Arc<Account>,
}

/// Starts the service on `shutdown`.
///
/// # Errors
/// The stream or a consumer is not there, or contradicts a promise; or the hook of the settings cannot be one. The error
/// says what to do.
pub async fn start(open: Open, config: &config::Settings, shutdown: &Shutdown) -> anyhow::Result<Accounts> {
    let settings = &config.zapier;
    // Keys that are wrong are no reason to do without.
    let keys = if config.seal.keys.is_empty() { None } else { Some(Keyring::new(&config.seal)?) };
    anyhow::ensure!(
        keys.is_some() || settings.hook.url.is_none(),
        "seal.keys is missing: zapier.hook.url is kept sealed; make a key with `openssl rand -base64 32`, and set \
         WEIR_SEAL__KEYS=<id>:<key>"
    );
    let (bus, pool) = service::start(open, STREAM, shutdown).await?;
    let hooks = Hooks::new(pool.clone(), keys, &settings.delivery, &config.outbound, render::body)
        .context("hooks")?;
    let seed = seed(pool.clone(), config, shutdown.clone())?;
    shutdown.spawn(seed);
    hooks::start(&hooks, shutdown);
    let source = |consumer| Source { stream: STREAM, consumer };
    let sessions = Sessions::new(pool.clone());
    let sessions =
        consumer::start(&bus, source(SESSIONS_CONSUMER), &settings.sessions, sessions, shutdown).await?;
    let dispatcher = Dispatcher::new(pool, hooks);
    let dispatcher =
        consumer::start(&bus, source(DISPATCHER_CONSUMER), &settings.dispatcher, dispatcher, shutdown)
            .await?;
    Ok(Accounts { sessions, dispatcher })
}

/// Keeps the hook of the settings in the table, as soon as the database is there.
fn seed(
    pool: sqlx::PgPool,
    config: &config::Settings,
    shutdown: Shutdown,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    const RETRY: std::time::Duration = std::time::Duration::from_secs(2);
    let keys = if config.seal.keys.is_empty() { None } else { Some(Keyring::new(&config.seal)?) };
    let catalogue = Catalogue::new(pool, keys, &config.zapier.delivery);
    let hook = config.zapier.hook.clone();
    Ok(async move {
        loop {
            let seeding = async {
                let changed = catalogue.seed(&hook).await?;
                let resealed = catalogue.reseal().await?;
                Ok::<_, hooks::Error>((changed, resealed))
            };
            match seeding.await {
                Ok((changed, resealed)) => {
                    if changed {
                        info!("the hook of the settings is in force");
                    }
                    if resealed > 0 {
                        info!(hooks = resealed, "sealed again with the newest key");
                    }
                    return;
                }
                Err(hooks::Error::Database(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "hooks wait for the database");
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the hook of the settings is not in force"
                    );
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = shutdown.draining() => return,
            }
        }
    })
}
