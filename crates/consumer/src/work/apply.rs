//! Calling the handler, and finding the failing events of a batch.

use std::{any::Any, panic::AssertUnwindSafe};

use anyhow::anyhow;
use contract::code;
use futures::FutureExt as _;
use tokio::time::Instant;

use super::Work;
use crate::{Batch, Failure, Journal, Message, Received};

impl<H: Batch + Journal> Work<H> {
    /// The handler's first look; a panic there is a failure of this event like others.
    pub(super) fn decode(&self, message: &Message) -> Result<H::Event, Failure> {
        let decode = AssertUnwindSafe(|| message.span.in_scope(|| self.handler.decode(message)));
        std::panic::catch_unwind(decode).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// The verdict on each event. A batch that fails is halved until the failing events are alone. Proved by
    /// `a_poison_event_is_dead_and_its_neighbours_are_done`.
    pub(super) async fn apply_all(&self, events: &[Received<H::Event>]) -> Vec<Result<(), Failure>> {
        if events.is_empty() {
            return Vec::new();
        }
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let mut verdicts: Vec<Result<(), Failure>> = events.iter().map(|_| Ok(())).collect();
        let mut parts = vec![(events, verdicts.as_mut_slice())];
        while let Some((batch, verdicts)) = parts.pop() {
            let Err(failure) = self.patience.until_there(|| self.attempt(batch)).await else {
                continue;
            };
            match (verdicts, failure) {
                ([verdict], failure) => *verdict = Err(failure),
                // Although we waited: the process stops, and halves would not fare better.
                (verdicts, Failure::Unavailable { source }) => {
                    let text = format!("{source:#}");
                    verdicts.fill_with(|| Err(Failure::Unavailable { source: anyhow!(text.clone()) }));
                }
                (verdicts, Failure::Wait { after, code }) => {
                    verdicts.fill_with(|| Err(Failure::Wait { after, code }));
                }
                (verdicts, Failure::Retry { .. } | Failure::Dead { .. }) => {
                    let middle = batch.len() / 2;
                    let (first, last) = verdicts.split_at_mut(middle);
                    let (first_batch, last_batch) = batch.split_at(middle);
                    parts.push((last_batch, last));
                    parts.push((first_batch, first));
                }
            }
        }
        verdicts
    }

    /// The verdict on one event by itself, which comes back with it.
    pub(super) async fn apply_one(&self, message: Message) -> (Message, Result<(), Failure>) {
        let event = match self.decode(&message) {
            Ok(event) => event,
            Err(failure) => return (message, Err(failure)),
        };
        let events = [Received { message, event }];
        let verdict = self.apply_all(&events).await.into_iter().next();
        let [Received { message, .. }] = events;
        (message, verdict.expect("one event has one verdict"))
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
