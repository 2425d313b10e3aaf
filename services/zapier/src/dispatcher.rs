//! The consumer `zapier-dispatcher`: puts events into the queues of the hooks that want them, one transaction per batch.
//! Sending is the `hooks` crate's: a hook that cannot be sent to must not keep the stream, and so the other hooks,
//! waiting.

use std::time::Duration;

use consumer::{Batch, Failure, Journal, Message, OnRecord, Outcome, Received};
use contract::{EventId, code, stream::usage::PROVIDER};
use hooks::Hooks;
use service::{failure, handling, span::StatementSpans};
use sqlx::PgPool;
use store::{
    event_handlings::{self, Admitted},
    hook_deliveries::{HookEvent, fan_out},
    hooks::lock_all,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::event::{decode, ledger_event};

/// Wait while a hook's queue is full.
const FULL_WAIT: Duration = Duration::from_secs(10);

/// Hands batches of events to the hooks.
pub(crate) struct Dispatcher {
    pool: PgPool,
    hooks: Hooks,
}

/// What became of a batch.
enum Handed {
    /// Whether anything waits for a hook now.
    Done { is_news: bool },
    /// The queue of a hook that wants one of them is full.
    Full,
}

/// Id, name and filter of a hook.
type Hook = (Uuid, String, Vec<String>);

impl Dispatcher {
    pub(crate) fn new(pool: PgPool, hooks: Hooks) -> Self {
        Self { pool, hooks }
    }

    async fn hand_on(&self, received: &[Received<bool>]) -> sqlx::Result<Handed> {
        let Some(first) = received.first() else { return Ok(Handed::Done { is_news: false }) };
        let (consumer, now) = (first.message.consumer, OffsetDateTime::now_utc());
        let events: Vec<_> = received.iter().map(|Received { message, .. }| ledger_event(message)).collect();
        let mut transaction = self.pool.begin().await?;
        let known = lock_all(&mut transaction).await?;
        let admitted = event_handlings::admit(&mut transaction, consumer, &events, now).await?;
        let open: Vec<_> = received
            .iter()
            .zip(&admitted)
            .filter(|(_, admitted)| admitted.may_act())
            .map(|(received, _)| hook_event(received, &known))
            .collect();
        let wanted = open.iter().flat_map(|event| event.hooks.iter().map(|(id, _)| *id));
        if self.hooks.is_full(wanted) {
            return Ok(Handed::Full);
        }
        let waiting = fan_out(&mut transaction, consumer, &open, now).await?;
        // Nobody wants the others, or everybody has them.
        let done: Vec<EventId> =
            open.iter().map(|event| event.event.envelope.id).filter(|id| !waiting.contains(&id.0)).collect();
        event_handlings::complete(&mut transaction, consumer, &done, now).await?;
        transaction.commit().await?;
        Ok(Handed::Done { is_news: !waiting.is_empty() })
    }
}

/// An event with the hooks that want it; none of them, if it has nothing to say to anybody.
fn hook_event<'a>(
    Received { message, event: is_report }: &'a Received<bool>,
    known: &'a [Hook],
) -> HookEvent<'a> {
    let envelope = &message.envelope;
    let replay = envelope.replayed_from;
    let is_forced = replay.is_some_and(|replay| replay.force_effects);
    // What is wanted a second time is a message of its own.
    let root = replay.filter(|_| !is_forced).map_or(envelope.id, |replay| replay.root);
    let wants = |(_, _, filter): &&Hook| *is_report && hooks::wants(filter, &envelope.event_type);
    HookEvent {
        event: ledger_event(message),
        headers: message.headers(),
        root,
        is_forced,
        hooks: known.iter().filter(wants).map(|(id, name, _)| (*id, name.as_str())).collect(),
    }
}

impl Batch for Dispatcher {
    /// Whether it is a report that may be sent on. What is none is the primary consumer's to give up.
    type Event = bool;

    fn decode(&self, message: &Message) -> Result<bool, Failure> {
        Ok(decode(message).is_ok_and(|decoded| !decoded.is_test))
    }

    async fn apply(&self, received: &[Received<bool>]) -> Result<(), Failure> {
        let messages = received.iter().map(|Received { message, .. }| message);
        let spans = StatementSpans::open("insert", "hook_deliveries", messages, &self.pool);
        match self.hand_on(received).await {
            Ok(Handed::Done { is_news }) => {
                if is_news {
                    self.hooks.look();
                }
                Ok(())
            }
            Ok(Handed::Full) => Err(Failure::Wait { after: FULL_WAIT, code: code::HOOK_BACKLOG_FULL }),
            Err(error) => {
                spans.fail(&error);
                Err(failure(error))
            }
        }
    }
}

impl Journal for Dispatcher {
    async fn is_ready(&self) -> bool {
        store::is_connected(&self.pool).await
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        handling::on_record(&self.pool, messages).await
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        for message in messages {
            handling::admit(&self.pool, PROVIDER, message).await.map(|_: Admitted| ())?;
        }
        Ok(())
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        handling::release(&self.pool, message).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        handling::record(&self.pool, PROVIDER, message, outcome).await
    }
}
