//! What earlier deliveries of an event left on record. The server counts deliveries; what counts for us is attempts. A
//! delivery that ended without a word (the process was killed, or stopped while a dependency was away) is none.

use std::panic::AssertUnwindSafe;

use anyhow::anyhow;
use contract::code;
use futures::FutureExt as _;
use tracing::warn;

use super::{InHand, Work, apply::panicked};
use crate::{Batch, Failure, Journal, Message, OnRecord};

/// A batch by how it is to be handled.
pub(super) struct Recalled<'t> {
    /// As one.
    pub(super) together: Vec<InHand<'t>>,
    /// Apart from the others, and from each other the more they are suspected.
    pub(super) apart: Vec<(InHand<'t>, OnRecord)>,
}

impl<H: Batch + Journal> Work<H> {
    /// Numbers the attempts of what comes again, and sets apart what may have killed the process. Proved by
    /// `restarts_at_work_cost_no_attempt` and `an_event_that_kills_the_process_is_dead_and_its_neighbours_are_done`.
    pub(super) async fn recall<'t>(&self, mut items: Vec<InHand<'t>>) -> Recalled<'t> {
        let again: Vec<&Message> =
            items.iter().map(|item| &item.message).filter(|message| message.delivery > 1).collect();
        if again.is_empty() {
            return Recalled { together: items, apart: Vec::new() };
        }
        let mut records = match self.patience.until_there(|| self.ask(&again)).await {
            Ok(records) => records.into_iter(),
            // The process stops: what cannot be numbered is given back.
            Err(failure) => {
                let text = failure.text();
                for item in items.iter_mut().filter(|item| item.message.delivery > 1) {
                    item.verdict = Err(Failure::Unavailable { source: anyhow!(text.clone()) });
                }
                return Recalled { together: items, apart: Vec::new() };
            }
        };
        let mut recalled = Recalled { together: Vec::with_capacity(items.len()), apart: Vec::new() };
        for mut item in items {
            let record = if item.message.delivery > 1 { records.next() } else { None };
            let Some(record) = record else {
                recalled.together.push(item);
                continue;
            };
            item.message.attempt = record.attempts + 1;
            if item.verdict.is_ok() && record.killed(&item.message) {
                let deliveries = item.message.delivery - 1;
                let source = anyhow!("the process died at work on it; it was delivered {deliveries} times");
                item.verdict = Err(Failure::Dead { code: code::PROCESS_DIED, source });
            }
            if item.verdict.is_ok() && record.is_suspect(&item.message) {
                recalled.apart.push((item, record));
            } else {
                recalled.together.push(item);
            }
        }
        // What was at work when the process died comes last: its neighbours are done before it can do it again.
        recalled.apart.sort_by_key(|(_, record)| (record.unfinished, record.attempts));
        recalled
    }

    async fn ask(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        let asking = AssertUnwindSafe(self.handler.on_record(messages)).catch_unwind();
        let failure = match tokio::time::timeout(self.handle_timeout, asking).await {
            Ok(Ok(Ok(records))) if records.len() == messages.len() => return Ok(records),
            Ok(Ok(Ok(records))) => {
                return Err(Failure::Unavailable {
                    source: anyhow!("{} records of {} events", records.len(), messages.len()),
                });
            }
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(panic)) => panicked(&*panic),
            Err(_) => Failure::Unavailable { source: anyhow!("not told within {:?}", self.handle_timeout) },
        };
        // Without the record nothing can be decided, so it is waited for, whatever ails it.
        Err(Failure::Unavailable { source: failure.into() })
    }

    /// Has the journal commit that an attempt at each of them begins.
    pub(super) async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        let beginning = AssertUnwindSafe(self.handler.begin(messages)).catch_unwind();
        match tokio::time::timeout(self.handle_timeout, beginning).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_) => {
                Err(Failure::Unavailable { source: anyhow!("not begun within {:?}", self.handle_timeout) })
            }
        }
    }

    /// Takes back what an attempt that had no end left on record, where that can be done at once.
    pub(super) async fn release(&self, message: &Message) {
        if self.patience.is_away() {
            return;
        }
        let releasing = AssertUnwindSafe(self.handler.release(message)).catch_unwind();
        if !matches!(tokio::time::timeout(self.handle_timeout, releasing).await, Ok(Ok(Ok(())))) {
            warn!(event.id = %message.envelope.id, consumer = message.consumer, "an attempt that had no end may count as one");
        }
    }
}

impl OnRecord {
    /// Whether so many deliveries ended without a word that the event itself may be why. One is a restart.
    const fn is_suspect(self, message: &Message) -> bool {
        let wordless = (message.delivery - 1).saturating_sub(self.attempts);
        wordless > 1 || self.attempts >= message.attempts_max
    }

    /// Whether it has had all its attempts, and the process died at the last one.
    const fn killed(self, message: &Message) -> bool {
        self.unfinished && self.attempts >= message.attempts_max
    }
}
