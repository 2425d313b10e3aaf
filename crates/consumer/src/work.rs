//! What happens to the events of one pull between their arrival and their settlement.

mod apart;
mod apply;
mod probe;
mod recall;
mod ruling;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, Notify, Semaphore};

use crate::{
    Account, Backoff, Batch, Failure, Journal, Message, Received,
    breaker::{Breaker, Seat},
    patience::Patience,
    settle::Ticket,
};

use ruling::Ruling;

/// One delivery, as it is pulled.
pub(crate) struct Item {
    pub(crate) message: Message,
    pub(crate) ticket: Ticket,
    /// An error when the message is not even one of ours.
    pub(crate) verdict: Result<(), Failure>,
}

/// One delivery at work.
struct InHand<'t> {
    message: Message,
    ticket: &'t Ticket,
    /// An error when it is not to be tried.
    verdict: Result<(), Failure>,
}

/// Everything that batches share.
pub(crate) struct Work<H> {
    pub(crate) handler: H,
    pub(crate) account: Arc<Account>,
    pub(crate) backoff: Backoff,
    pub(crate) handle_timeout: Duration,
    pub(crate) progress_interval: Duration,
    /// One for each batch that may be applied at one time.
    pub(crate) slots: Semaphore,
    pub(crate) slots_max: usize,
    /// Whenever a batch was applied.
    pub(crate) done: Notify,
    /// Held by the one group that is handled apart.
    pub(crate) lone: Mutex<()>,
    pub(crate) patience: Patience,
    pub(crate) breaker: Arc<Breaker>,
}

/// An event that is not done.
struct Failed<'t> {
    message: Message,
    ticket: &'t Ticket,
    failure: Failure,
}

/// An event kept in hand while its consumer is paused, to find out whether what killed it is gone.
struct Probe<'t> {
    message: Message,
    ticket: &'t Ticket,
    seat: Seat,
}

impl<H: Batch + Journal> Work<H> {
    /// Brings every event of a batch to its end. As long as one is open, the server is told that we are at work on it.
    pub(crate) async fn batch(&self, items: Vec<Item>) {
        let (pulled, tickets): (Vec<_>, Vec<_>) =
            items.into_iter().map(|Item { message, ticket, verdict }| ((message, verdict), ticket)).unzip();
        let in_hand = pulled.into_iter().zip(&tickets).map(|((message, verdict), ticket)| {
            let verdict = if H::OURS { verdict } else { Ok(()) };
            InHand { message, ticket, verdict }
        });
        let work = self.each_to_its_end(in_hand.collect());
        // Beside the work, not between its steps: while the broker is away a mark may wait, and the work must not. And
        // one clock for all of it: many short steps are a long time. Proved by
        // `many_short_steps_of_a_batch_starve_no_progress_marks`.
        tokio::select! {
            () = work => {}
            () = self.marking(&tickets) => {}
        }
    }

    async fn each_to_its_end(&self, in_hand: Vec<InHand<'_>>) {
        let recalled = self.recall(in_hand).await;
        let mut probes = self.together(recalled.together).await;
        probes.extend(self.apart(recalled.apart).await);
        // Last, for it takes as long as the consumer is paused.
        futures::future::join_all(probes.into_iter().map(|probe| self.probe(probe))).await;
    }

    async fn together<'t>(&self, in_hand: Vec<InHand<'t>>) -> Vec<Probe<'t>> {
        let mut failed = Vec::new();
        let (mut events, mut tickets) =
            (Vec::with_capacity(in_hand.len()), Vec::with_capacity(in_hand.len()));
        for InHand { message, ticket, verdict } in in_hand {
            match verdict.and_then(|()| self.decode(&message)) {
                Ok(event) => {
                    events.push(Received { message, event });
                    tickets.push(ticket);
                }
                Err(failure) => failed.push(Failed { message, ticket, failure }),
            }
        }
        let failures = self.apply_all(&events, &tickets).await;
        for ((event, ticket), failure) in events.into_iter().zip(tickets).zip(failures) {
            failed.extend(failure.map(|failure| Failed { message: event.message, ticket, failure }));
        }
        let mut probes = Vec::new();
        for failed in failed {
            probes.extend(self.settle(failed).await);
        }
        probes
    }

    /// Whether no batch is being applied.
    pub(crate) fn is_idle(&self) -> bool {
        self.slots.available_permits() == self.slots_max
    }

    async fn settle_done(&self, ticket: &Ticket) {
        self.breaker.handled();
        ticket.ack().await;
    }

    /// Tells the broker what becomes of an event that is not done. What comes back is to be tried again while the
    /// consumer is paused.
    async fn settle<'t>(&self, failed: Failed<'t>) -> Option<Probe<'t>> {
        let Failed { message, ticket, failure } = failed;
        match self.rule(&message, &failure).await {
            Ruling::Retry { delay, code } => ticket.retry(delay, code).await,
            Ruling::Dead { code } => ticket.terminate(code).await,
            Ruling::Probe(seat) => return Some(Probe { message, ticket, seat }),
        }
        None
    }

    /// Tells the server often enough that `tickets` are still in our hands. It never ends: an abort ends the process.
    async fn marking(&self, tickets: &[Ticket]) {
        loop {
            tokio::time::sleep(self.progress_interval).await;
            for ticket in tickets {
                ticket.progress().await;
            }
        }
    }
}
