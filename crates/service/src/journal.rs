//! Failed attempts and dead letters go into the ledger before the broker hears of them. Proved by
//! `a_verdict_leaves_a_whole_dead_letter`.

use consumer::{Failure, Message, Outcome};
use sqlx::PgPool;
use store::webhook_events::{Buried, Event, Reason, record_dead, record_failed};
use time::OffsetDateTime;

use crate::{
    dead_letter::{self, Death},
    failure,
    span::StatementSpans,
};

/// Commits the outcome of an attempt. `event` is the ledger's view of `message`.
///
/// # Errors
/// What the database's error means; the outcome is then not committed.
pub async fn record(
    pool: &PgPool,
    message: &Message,
    event: &Event<'_>,
    outcome: Outcome<'_>,
) -> Result<(), Failure> {
    let spans = StatementSpans::open("insert", "webhook_events", std::iter::once(message), pool);
    write(pool, message, event, outcome).await.map_err(|error| {
        spans.fail(&error);
        failure(error)
    })
}

async fn write(
    pool: &PgPool,
    message: &Message,
    event: &Event<'_>,
    outcome: Outcome<'_>,
) -> sqlx::Result<()> {
    let headers = message.strange_headers.as_ref();
    let mut transaction = pool.begin().await?;
    match outcome {
        Outcome::Failed { code, error } => {
            let reason = Reason { code, error, headers };
            record_failed(&mut transaction, event, reason).await?;
        }
        Outcome::Dead { code, error } => {
            let reason = Reason { code, error, headers };
            let now = OffsetDateTime::now_utc();
            // What was settled before has its dead letter, or needs none.
            if let Some(buried) = record_dead(&mut transaction, event, reason, now).await? {
                let Buried { id, first_failed_at } = buried;
                let death = Death { event_id: id.0, first_failed_at, now };
                dead_letter::record(&mut transaction, message, event, (code, error), death).await?;
            }
        }
    }
    transaction.commit().await
}
