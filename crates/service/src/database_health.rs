//! Answers for the database on the broker, so that processes without one can report it.

use std::time::Duration;

use anyhow::Context as _;
use bus::Bus;
use contract::stream::DATABASE_HEALTH;
use futures::StreamExt as _;
use lifecycle::Shutdown;
use sqlx::PgPool;
use tokio::time::Instant;
use tracing::debug;

/// One process of all that answer is asked.
const QUEUE_GROUP: &str = "weir-database-health";
/// How long an answer holds: a flood of questions is not a flood of statements.
const FRESH: Duration = Duration::from_secs(1);

/// Answers until the process drains.
///
/// # Errors
/// The broker refuses or ends the subscription.
pub async fn run(bus: Bus, pool: PgPool, shutdown: Shutdown) -> anyhow::Result<()> {
    let client = bus.client();
    let mut questions = client
        .queue_subscribe(DATABASE_HEALTH, QUEUE_GROUP.to_owned())
        .await
        .context("cannot answer for the database")?;
    let mut last: Option<(Instant, bool)> = None;
    loop {
        let question = tokio::select! {
            question = questions.next() => question.context("the subscription ended")?,
            () = shutdown.draining() => return Ok(()),
        };
        let Some(reply) = question.reply else { continue };
        let connected = match last {
            Some((asked, connected)) if asked.elapsed() < FRESH => connected,
            _ => {
                let connected = store::is_connected(&pool).await;
                last = Some((Instant::now(), connected));
                connected
            }
        };
        let answer = if connected { "connected" } else { "disconnected" };
        if let Err(error) = client.publish(reply, answer.into()).await {
            debug!(error = &error as &dyn std::error::Error, "cannot answer for the database");
        }
    }
}
