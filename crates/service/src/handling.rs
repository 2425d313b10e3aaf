//! How a stream's secondary consumers account for events: table `event_handlings`, never the ledger.

use consumer::{Failure, Message, OnRecord, Outcome};
use sqlx::PgPool;
use store::{
    event_handlings::{self, Admitted},
    webhook_events::Reason,
};
use time::OffsetDateTime;

use crate::{
    attempts,
    dead_letter::{self, Death},
    failure, ledger,
    span::StatementSpans,
};

/// Commits that `message`'s consumer begins with it, and says whether it may act.
///
/// # Errors
/// What the database's error means.
pub async fn admit(pool: &PgPool, provider: &str, message: &Message) -> Result<Admitted, Failure> {
    traced("insert", pool, message, async {
        let events = [ledger::event(provider, message)];
        let mut transaction = pool.begin().await?;
        let admitted =
            event_handlings::admit(&mut transaction, message.consumer, &events, OffsetDateTime::now_utc())
                .await?;
        transaction.commit().await?;
        Ok(admitted.first().copied().unwrap_or(Admitted::Settled))
    })
    .await
}

/// Commits that `message`'s consumer is done with it.
///
/// # Errors
/// What the database's error means.
pub async fn complete(pool: &PgPool, message: &Message) -> Result<(), Failure> {
    traced("update", pool, message, async {
        let mut connection = pool.acquire().await?;
        let ids = [message.envelope.id];
        event_handlings::complete(&mut connection, message.consumer, &ids, OffsetDateTime::now_utc()).await?;
        Ok(())
    })
    .await
}

/// Commits the outcome of an attempt: what [`journal::record`](crate::journal::record) is for a primary consumer.
///
/// # Errors
/// What the database's error means; the outcome is then not committed.
pub async fn record(
    pool: &PgPool,
    provider: &str,
    message: &Message,
    outcome: Outcome<'_>,
) -> Result<(), Failure> {
    traced("insert", pool, message, write(pool, provider, message, outcome)).await
}

async fn write(pool: &PgPool, provider: &str, message: &Message, outcome: Outcome<'_>) -> sqlx::Result<()> {
    let event = ledger::event(provider, message);
    let headers = message.strange_headers.as_ref();
    let now = OffsetDateTime::now_utc();
    let mut transaction = pool.begin().await?;
    match outcome {
        Outcome::Failed { code, error } => {
            let reason = Reason { code, error, headers };
            event_handlings::record_failed(&mut transaction, message.consumer, &event, reason, now).await?;
        }
        Outcome::Dead { code, error } => {
            let reason = Reason { code, error, headers };
            if event_handlings::record_dead(&mut transaction, message.consumer, &event, reason, now).await? {
                let death = Death { event_id: message.envelope.id.0, first_failed_at: now, now };
                dead_letter::record(&mut transaction, message, &event, (code, error), death).await?;
            }
        }
    }
    transaction.commit().await
}

/// The attempts on record at each of `messages`, all of one consumer.
///
/// # Errors
/// What the database's error means.
pub async fn on_record(pool: &PgPool, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
    let ids: Vec<_> = messages.iter().map(|message| message.envelope.id).collect();
    let consumer = messages.first().map_or("", |message| message.consumer);
    let read = async {
        let mut connection = pool.acquire().await?;
        event_handlings::attempts(&mut connection, consumer, &ids).await
    };
    Ok(read.await.map_err(failure)?.into_iter().map(attempts::told).collect())
}

/// Takes back that [`admit`] began: the event was given back untried.
///
/// # Errors
/// What the database's error means.
pub async fn release(pool: &PgPool, message: &Message) -> Result<(), Failure> {
    traced("update", pool, message, async {
        let mut connection = pool.acquire().await?;
        event_handlings::release(&mut connection, message.consumer, message.envelope.id).await
    })
    .await
}

/// Runs statements under a span of the message's own trace.
async fn traced<T>(
    operation: &'static str,
    pool: &PgPool,
    message: &Message,
    work: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, Failure> {
    let spans = StatementSpans::open(operation, "event_handlings", std::iter::once(message), pool);
    work.await.map_err(|error| {
        spans.fail(&error);
        failure(error)
    })
}
