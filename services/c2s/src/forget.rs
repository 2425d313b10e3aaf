//! Forgets people in time: look-ups that have expired, texts of messages that were sent long ago, and what attempts that
//! never ended have left.

use std::time::Duration;

use lifecycle::Shutdown;
use sqlx::PgPool;
use store::{lead_enrichments, lead_messages, people};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

/// How often it is looked. Every replica does, and what one removed the others do not find.
const INTERVAL: Duration = Duration::from_mins(10);
/// Rows of one statement.
const BATCH: i64 = 500;

/// Forgets until the process drains.
pub(crate) async fn run(pool: PgPool, settings: config::People, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        match forget(&pool, settings.message_days, &shutdown).await {
            Ok((0, 0)) => {}
            Ok((people, texts)) => info!(people, texts, "forgot what has expired"),
            // Health says that the database is away.
            Err(error) => debug!(error = &error as &dyn std::error::Error, "nothing forgotten"),
        }
    }
}

/// How many look-ups and texts were removed.
async fn forget(pool: &PgPool, message_days: u32, shutdown: &Shutdown) -> sqlx::Result<(u64, u64)> {
    let now = OffsetDateTime::now_utc();
    let before = now - time::Duration::days(i64::from(message_days));
    let (mut total, mut connection) = ((0, 0), pool.acquire().await?);
    while !shutdown.is_draining() {
        let people = people::expire(&mut connection, now, BATCH).await?;
        let texts = lead_messages::expire_texts(&mut connection, before, BATCH).await?
            + lead_messages::expire_drafts(&mut connection, before, BATCH).await?
            + lead_enrichments::expire_progress(&mut connection, before, BATCH).await?;
        total = (total.0 + people, total.1 + texts);
        if (people, texts) == (0, 0) {
            break;
        }
    }
    Ok(total)
}
