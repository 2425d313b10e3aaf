//! What happens to the events of one pull between their arrival and their settlement.

mod apart;
mod apply;
mod probe;
mod recall;
mod ruling;

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use tokio::sync::{Mutex, Semaphore};

use crate::{
    Account, Backoff, Batch, Failure, Journal, Message, Received,
    breaker::{Breaker, Seat},
    patience::Patience,
    settle::Ticket,
};

use ruling::Ruling;

/// One delivery in our hands.
pub(crate) struct Item {
    pub(crate) message: Message,
    pub(crate) ticket: Ticket,
    /// An error when the message is not even one of ours.
    pub(crate) verdict: Result<(), Failure>,
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
    /// Held by the one group that is handled apart.
    pub(crate) lone: Mutex<()>,
    pub(crate) patience: Patience,
    pub(crate) breaker: Arc<Breaker>,
}

/// An event that is not done.
struct Failed {
    message: Message,
    ticket: Ticket,
    failure: Failure,
}

/// An event kept in hand while its consumer is paused, to find out whether what killed it is gone.
struct Probe {
    message: Message,
    ticket: Ticket,
    seat: Seat,
}

impl<H: Batch + Journal> Work<H> {
    /// Brings every event of a batch to its end. While it lasts, the server is told that we are at work.
    pub(crate) async fn batch(&self, items: Vec<Item>) {
        let recalled = self.recall(items).await;
        let waiting: Vec<_> = recalled.apart.iter().map(|(item, _)| &item.ticket).collect();
        let mut probes = self.keeping_alive(&waiting, self.together(recalled.together)).await;
        probes.extend(self.apart(recalled.apart).await);
        // Last, for it takes as long as the consumer is paused.
        futures::future::join_all(probes.into_iter().map(|probe| self.probe(probe))).await;
    }

    async fn together(&self, items: Vec<Item>) -> Vec<Probe> {
        let mut failed = VecDeque::new();
        let (mut events, mut tickets) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for Item { message, ticket, verdict } in items {
            let verdict = if H::OURS { verdict } else { Ok(()) };
            match verdict.and_then(|()| self.decode(&message)) {
                Ok(event) => {
                    events.push(Received { message, event });
                    tickets.push(ticket);
                }
                Err(failure) => failed.push_back(Failed { message, ticket, failure }),
            }
        }
        // The refused ones wait too, for as long as it takes. Proved by
        // `a_refused_event_is_not_delivered_again_while_its_neighbours_wait`.
        let waiting: Vec<_> = tickets.iter().chain(failed.iter().map(|failed| &failed.ticket)).collect();
        let verdicts = self.keeping_alive(&waiting, self.apply_all(&events)).await;
        for ((event, ticket), verdict) in events.into_iter().zip(tickets).zip(verdicts) {
            match verdict {
                Ok(()) => self.done(ticket).await,
                Err(failure) => failed.push_back(Failed { message: event.message, ticket, failure }),
            }
        }
        let mut probes = Vec::new();
        while let Some(next) = failed.pop_front() {
            let waiting: Vec<_> = failed.iter().map(|failed| &failed.ticket).collect();
            probes.extend(self.settle(next, &waiting).await);
        }
        probes
    }

    async fn done(&self, ticket: Ticket) {
        self.breaker.handled();
        ticket.ack().await;
    }

    /// Tells the broker what becomes of an event that is not done; `waiting` are kept alive meanwhile. What comes back
    /// is to be tried again while the consumer is paused.
    async fn settle(&self, failed: Failed, waiting: &[&Ticket]) -> Option<Probe> {
        let Failed { message, ticket, failure } = failed;
        let kept: Vec<_> = std::iter::once(&ticket).chain(waiting.iter().copied()).collect();
        match self.keeping_alive(&kept, self.rule(&message, &failure)).await {
            Ruling::Retry { delay, code } => ticket.retry(delay, code).await,
            Ruling::Dead { code } => ticket.terminate(code).await,
            Ruling::Probe(seat) => return Some(Probe { message, ticket, seat }),
        }
        None
    }

    /// Runs `work`, telling the server often enough that `tickets` are still in our hands. An abort ends nothing here:
    /// it ends the process.
    async fn keeping_alive<T>(&self, tickets: &[&Ticket], work: impl Future<Output = T>) -> T {
        // Beside the work, not between its steps: while the broker is away a mark may wait, and the work must not.
        let marking = async {
            loop {
                tokio::time::sleep(self.progress_interval).await;
                for ticket in tickets {
                    ticket.progress().await;
                }
            }
        };
        tokio::select! {
            result = work => result,
            never = marking => never,
        }
    }
}
