//! Tells of new dead letters on the stream of results, whoever recorded them.

use std::{error::Error, time::Duration};

use bus::{Bus, Publisher};
use contract::EventId;
use lifecycle::Shutdown;
use results::{About, v1::DeadLetterRecorded};
use sqlx::PgPool;
use store::dead_letters::{self, Listed};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};
use uuid::Uuid;

/// How often new ones are looked for.
const INTERVAL: Duration = Duration::from_secs(1);
/// Told in one go, at most.
const BATCH: u16 = 200;

/// Tells until the process drains. Every replica does; what two of them tell at one time the stream keeps once.
pub(crate) async fn run(
    bus: Bus,
    pool: PgPool,
    nats: config::Nats,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let publisher = Publisher::new(&bus, &nats);
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        while !shutdown.is_draining() {
            match announce(&publisher, &pool).await {
                Ok(announced) if announced == usize::from(BATCH) => {}
                Ok(_) => break,
                Err(error) => {
                    debug!(error = &*error as &dyn Error, "dead letters not told; they will be");
                    break;
                }
            }
        }
    }
}

/// Tells of the oldest that nobody was told of, then notes it: after a crash between the two it is told again, under the
/// same id, which the stream drops.
async fn announce(publisher: &Publisher, pool: &PgPool) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let mut connection = pool.acquire().await?;
    let letters = dead_letters::unannounced(&mut connection, BATCH).await?;
    drop(connection);
    if letters.is_empty() {
        return Ok(0);
    }
    let mut told = Vec::with_capacity(letters.len());
    for letter in &letters {
        // An id of its own for each consumer that gave the event up.
        let cause = EventId(Uuid::new_v5(&letter.event_id, letter.consumer.as_bytes()));
        let about = About { cause, subject: letter.subject.as_deref(), time: letter.last_failed_at };
        match results::publish_for(publisher, &letter.provider, about, &outcome(letter)).await {
            Ok(_) => told.push(letter.id),
            Err(error) => {
                warn!(error = &error as &dyn Error, "a dead letter is not told yet");
                break;
            }
        }
    }
    let mut connection = pool.acquire().await?;
    dead_letters::mark_announced(&mut connection, &told, OffsetDateTime::now_utc()).await?;
    Ok(told.len())
}

fn outcome(letter: &Listed) -> DeadLetterRecorded {
    DeadLetterRecorded {
        dead_letter_id: letter.id.to_string(),
        event_id: letter.event_id.to_string(),
        consumer: letter.consumer.clone(),
        event_type: letter.event_type.clone(),
        subject: letter.subject.clone().unwrap_or_default(),
        reason_code: letter.reason_code.clone(),
        fingerprint: letter.fingerprint.clone(),
        attempts: u64::try_from(letter.attempts).unwrap_or_default(),
        stream: letter.stream.clone(),
        stream_sequence: u64::try_from(letter.stream_sequence).unwrap_or_default(),
        has_body: letter.body_bytes.is_some(),
        trace_id: letter.trace_id.clone().unwrap_or_default(),
        first_failed_at: Some(results::timestamp(letter.first_failed_at)),
        last_failed_at: Some(results::timestamp(letter.last_failed_at)),
    }
}
