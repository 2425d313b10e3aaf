//! Attempts on record: what the ledger answers a consumer about events that come again. For a secondary consumer, see
//! [`crate::handling`].

use consumer::{Failure, Message, OnRecord};
use sqlx::PgPool;
use store::webhook_events::{self, Attempts, Event};

use crate::{failure, span::StatementSpans};

/// The attempts at each of `events`, the ledger's views of as many messages.
///
/// # Errors
/// What the database's error means.
pub async fn on_record(pool: &PgPool, events: &[Event<'_>]) -> Result<Vec<OnRecord>, Failure> {
    let read = async {
        let mut connection = pool.acquire().await?;
        webhook_events::attempts(&mut connection, events).await
    };
    Ok(read.await.map_err(failure)?.into_iter().map(told).collect())
}

/// Commits that an attempt at each of `messages` begins. `events` are the ledger's views of them.
///
/// # Errors
/// What the database's error means; nothing is then committed.
pub async fn begin(pool: &PgPool, messages: &[&Message], events: &[Event<'_>]) -> Result<(), Failure> {
    let spans = StatementSpans::open("insert", "webhook_events", messages.iter().copied(), pool);
    let write = async {
        let mut transaction = pool.begin().await?;
        webhook_events::begin(&mut transaction, events).await?;
        transaction.commit().await
    };
    write.await.map_err(|error| {
        spans.fail(&error);
        failure(error)
    })
}

/// Takes back that an attempt began.
///
/// # Errors
/// What the database's error means.
pub async fn release(pool: &PgPool, event: &Event<'_>) -> Result<(), Failure> {
    let write = async {
        let mut connection = pool.acquire().await?;
        webhook_events::release(&mut connection, event).await
    };
    write.await.map_err(failure)
}

pub(crate) fn told(attempts: Attempts) -> OnRecord {
    OnRecord { attempts: attempts.count, unfinished: attempts.unfinished }
}
