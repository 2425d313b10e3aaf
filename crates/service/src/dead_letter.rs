//! A consumer's own verdict of death, as the dead letters keep it.

use consumer::Message;
use contract::Code;
use sqlx::PgConnection;
use store::{
    dead_letters::{self, FoundBy, NewDeadLetter},
    webhook_events::Event,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// When, and under which id, an event died.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) event_id: Uuid,
    pub(crate) first_failed_at: OffsetDateTime,
    pub(crate) now: OffsetDateTime,
}

/// Writes down a dead event; in the transaction of its verdict, so that there is never one without the other.
pub(crate) async fn record(
    connection: &mut PgConnection,
    message: &Message,
    event: &Event<'_>,
    (code, error): (Code, &str),
    death: Death,
) -> sqlx::Result<()> {
    let is_claim = message.envelope.extensions.contains_key("claim") && message.payload.is_empty();
    let headers = message.headers();
    let letter = NewDeadLetter {
        event_id: death.event_id,
        consumer: message.consumer,
        provider: event.provider,
        envelope: &message.envelope,
        dedup_key: &event.key(),
        // The recorder fetches what the message only named.
        body: (!is_claim).then_some(event.body),
        headers: Some(&headers),
        position: event.position,
        attempts: event.attempt,
        reason_code: code.as_str(),
        last_error: Some(error),
        first_failed_at: death.first_failed_at,
        last_failed_at: death.now,
        trace_id: event.trace_id.as_deref(),
        found_by: FoundBy::Verdict,
    };
    dead_letters::record(connection, &[letter]).await.map(drop)
}
