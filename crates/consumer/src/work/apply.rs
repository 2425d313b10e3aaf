//! Calling the handler, and finding the failing events of a batch.

use std::{any::Any, panic::AssertUnwindSafe};

use anyhow::anyhow;
use contract::code;
use futures::FutureExt as _;
use tokio::time::Instant;

use super::Work;
use crate::{Batch, Failure, Journal, Message, Received, settle::Ticket};

/// A part of a batch, to be applied as one.
struct Part<'p, E> {
    events: &'p [Received<E>],
    tickets: &'p [&'p Ticket],
    failures: &'p mut [Option<Failure>],
}

impl<H: Batch + Journal> Work<H> {
    /// The handler's first look; a panic there is a failure of this event like others.
    pub(super) fn decode(&self, message: &Message) -> Result<H::Event, Failure> {
        let decode = AssertUnwindSafe(|| message.span.in_scope(|| self.handler.decode(message)));
        std::panic::catch_unwind(decode).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// Why each event is not done; what is done is acknowledged as soon as it is. A batch that fails is halved until the
    /// failing events are alone. Proved by `a_poison_event_is_dead_and_its_neighbours_are_done`.
    pub(super) async fn apply_all(
        &self,
        events: &[Received<H::Event>],
        tickets: &[&Ticket],
    ) -> Vec<Option<Failure>> {
        if events.is_empty() {
            return Vec::new();
        }
        let slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let mut failures: Vec<Option<Failure>> = events.iter().map(|_| None).collect();
        let mut parts = vec![Part { events, tickets, failures: &mut failures }];
        while let Some(part) = parts.pop() {
            let result = self.patience.until_there(|| self.attempt(part.events)).await;
            match (part.failures, result) {
                (_, Ok(())) => {
                    for ticket in part.tickets {
                        self.settle_done(ticket).await;
                    }
                }
                ([only], Err(failure)) => *only = Some(failure),
                // Although we waited: the process stops, and halves would not fare better.
                (failures, Err(Failure::Unavailable { source })) => {
                    let text = format!("{source:#}");
                    failures.fill_with(|| Some(Failure::Unavailable { source: anyhow!(text.clone()) }));
                }
                (failures, Err(Failure::Wait { after, code })) => {
                    failures.fill_with(|| Some(Failure::Wait { after, code }));
                }
                (failures, Err(Failure::Retry { .. } | Failure::Dead { .. })) => {
                    let middle = part.events.len() / 2;
                    let (events, tickets) = (part.events.split_at(middle), part.tickets.split_at(middle));
                    let failures = failures.split_at_mut(middle);
                    parts.push(Part { events: events.1, tickets: tickets.1, failures: failures.1 });
                    parts.push(Part { events: events.0, tickets: tickets.0, failures: failures.0 });
                }
            }
        }
        drop(slot);
        self.done.notify_waiters();
        failures
    }

    /// Tries one event by itself, and gives it back with why it is not done.
    pub(super) async fn apply_one(&self, message: Message, ticket: &Ticket) -> (Message, Option<Failure>) {
        let event = match self.decode(&message) {
            Ok(event) => event,
            Err(failure) => return (message, Some(failure)),
        };
        let events = [Received { message, event }];
        let failure = self.apply_all(&events, &[ticket]).await.pop().flatten();
        let [Received { message, .. }] = events;
        (message, failure)
    }

    /// One call of the handler, with a limit of time; a panic is a failure like others.
    async fn attempt(&self, batch: &[Received<H::Event>]) -> Result<(), Failure> {
        let started = Instant::now();
        let handling = AssertUnwindSafe(self.handler.apply(batch)).catch_unwind();
        let result = match tokio::time::timeout(self.handle_timeout, handling).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_) => Err(self.too_slow().await),
        };
        let outcome = result.as_ref().map_or_else(|failure| failure.code().as_str(), |()| "completed");
        self.account.handled(started.elapsed(), outcome);
        result
    }

    /// What it means that the handler did not end in time. Proved by
    /// `a_dependency_that_freezes_at_work_costs_no_attempt`.
    async fn too_slow(&self) -> Failure {
        let source = anyhow!("not done within {:?}", self.handle_timeout);
        if self.handler.is_ready().await {
            Failure::Retry { code: code::TIMEOUT, after: None, source }
        } else {
            Failure::Unavailable { source }
        }
    }
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::Retry {
        code: code::PANIC,
        after: None,
        source: anyhow!("handler panicked: {}", text.unwrap_or("?")),
    }
}
