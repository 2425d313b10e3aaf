//! One worker for each hook that something may be sent to.

use std::{collections::HashMap, time::Duration};

use lifecycle::Shutdown;
use sqlx::PgPool;
use store::{
    hook_deliveries,
    hooks::{self, Hook},
};
use tokio::{task::JoinHandle, time::Instant};
use tracing::warn;
use uuid::Uuid;

use crate::{Hooks, worker::Worker};

/// How often the queues are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// Starts sending, as a required task of `shutdown`, until a drain. Attempts that are under way then are finished.
pub fn start(hooks: &Hooks, shutdown: &Shutdown) {
    shutdown.spawn_required("hooks", run(hooks.clone(), shutdown.clone()));
}

async fn run(hooks: Hooks, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut workers: HashMap<Uuid, JoinHandle<()>> = HashMap::new();
    let (mut counted, mut is_away) = (None::<Instant>, false);
    while !shutdown.is_draining() {
        match all(&hooks.0.pool).await {
            Ok(known) => {
                is_away = false;
                workers.retain(|_, worker| !worker.is_finished());
                attend(&hooks, &known, &mut workers, &shutdown);
                if counted.is_none_or(|counted| counted.elapsed() >= COUNT_INTERVAL) {
                    count(&hooks, &known).await;
                    counted = Some(Instant::now());
                }
            }
            Err(error) if !is_away => {
                is_away = true;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for hooks; nothing is sent meanwhile"
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(hooks.0.settings.poll()) => {}
            () = shutdown.draining() => {}
        }
    }
    Ok(())
}

async fn all(pool: &PgPool) -> sqlx::Result<Vec<Hook>> {
    hooks::all(&mut *pool.acquire().await?).await
}

fn attend(hooks: &Hooks, known: &[Hook], workers: &mut HashMap<Uuid, JoinHandle<()>>, shutdown: &Shutdown) {
    for hook in known.iter().filter(|hook| hook.takes_events()) {
        workers.entry(hook.id).or_insert_with(|| {
            let worker = Worker::new(hooks.clone(), hook.id, shutdown.clone());
            shutdown.spawn(worker.run())
        });
    }
}

async fn count(hooks: &Hooks, known: &[Hook]) {
    let counting = async {
        let mut connection = hooks.0.pool.acquire().await?;
        hook_deliveries::backlogs(&mut connection).await
    };
    // It is counted again soon.
    if let Ok(backlogs) = counting.await {
        hooks.0.note(known, &backlogs);
    }
}
