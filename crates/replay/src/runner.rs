//! Works on the jobs: one process at a time, every running job beside the others.

use std::{collections::HashMap, error::Error, time::Duration};

use bus::Bus;
use lifecycle::Shutdown;
use sqlx::{PgConnection, PgPool};
use store::replays::{self, Job};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use uuid::Uuid;

use crate::batch::{Engine, Progress, limiter};

/// How often new jobs are looked for, and whether the place of a runner that died is free.
const POLL: Duration = Duration::from_secs(1);
/// Jobs that are worked on at one time; the others wait for them.
const JOBS_MAX: u16 = 8;
/// Waits before something that was away is tried again: the first, doubled each time up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Works on jobs until a drain. Of all processes that do, one works and the others stand by: proved by
/// `another_runner_takes_over_when_the_first_is_gone`.
///
/// # Errors
/// None: what is away is waited for.
pub async fn run(bus: Bus, pool: PgPool, nats: config::Nats, shutdown: Shutdown) -> anyhow::Result<()> {
    let engine = Engine::new(bus, pool, &nats);
    let mut away = false;
    while !shutdown.is_draining() {
        let result = work(&engine, &shutdown).await;
        if let (Err(error), false) = (&result, away) {
            warn!(error = error as &dyn Error, "replays wait for the database");
        }
        away = result.is_err();
        wait(POLL, &shutdown).await;
    }
    Ok(())
}

/// Leads, if nobody does, until a drain or until the connection that holds the lead is lost.
async fn work(engine: &Engine, shutdown: &Shutdown) -> sqlx::Result<()> {
    // Its own: the lead ends when the connection does, which in the pool might never be. Whoever stands by keeps it too:
    // a new one each second would cost the server a process each second.
    let mut connection = engine.pool().acquire().await?.detach();
    while !replays::lead(&mut connection).await? {
        wait(POLL, shutdown).await;
        if shutdown.is_draining() {
            return Ok(());
        }
    }
    info!("working on replays");
    lead(engine, &mut connection, shutdown).await
}

async fn lead(engine: &Engine, connection: &mut PgConnection, shutdown: &Shutdown) -> sqlx::Result<()> {
    let mut workers: HashMap<Uuid, AbortOnDropHandle<()>> = HashMap::new();
    while !shutdown.is_draining() {
        workers.retain(|_, worker| !worker.is_finished());
        for job in replays::running(connection, JOBS_MAX).await? {
            workers.entry(job.id).or_insert_with(|| {
                AbortOnDropHandle::new(shutdown.spawn(publish(engine.clone(), job, shutdown.clone())))
            });
        }
        wait(POLL, shutdown).await;
    }
    for (_, worker) in workers {
        worker.await.ok();
    }
    Ok(())
}

/// Works on one job until it is over.
async fn publish(engine: Engine, job: Job, shutdown: Shutdown) {
    let limiter = limiter(&job);
    let (first, last) = RETRY;
    let mut delay = first;
    while !shutdown.is_draining() {
        match engine.step(&job, &limiter).await {
            Ok(Progress::Over) => return,
            Ok(Progress::More) => delay = first,
            Err(error) => {
                if delay == first {
                    warn!(replay.job = job.name, error = &error as &dyn Error, "replay waits");
                }
                wait(delay, &shutdown).await;
                delay = (delay * 2).min(last);
            }
        }
    }
}

async fn wait(time: Duration, shutdown: &Shutdown) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = shutdown.draining() => {}
    }
}
