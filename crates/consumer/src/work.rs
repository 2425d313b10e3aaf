//! What happens to the events of one pull between their arrival and their settlement.

use std::{
    any::Any, collections::VecDeque, future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc,
    time::Duration,
};

use anyhow::anyhow;
use contract::{Code, code};
use futures::FutureExt as _;
use lifecycle::Shutdown;
use tokio::{sync::Semaphore, time::Instant};
use tracing::{debug, warn};

use crate::{
    Account, Backoff, Batch, Failure, Journal, Message, Outcome, Received, pull::PULL_EXPIRES, settle::Ticket,
};

/// Wait before something that was away is tried again.
const UNAVAILABLE_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

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
    pub(crate) shutdown: Shutdown,
}

/// What the broker is told about a failed event.
enum Ruling {
    Retry { delay: Duration, code: Code },
    Dead { code: Code },
}

impl<H: Batch + Journal> Work<H> {
    /// Brings every event of a batch to its end. While it lasts, the server is told that we are at work.
    pub(crate) async fn batch(&self, items: Vec<Item>) {
        let mut failed = VecDeque::new();
        let (mut events, mut tickets) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for Item { message, ticket, verdict } in items {
            match verdict.and_then(|()| self.decode(&message)) {
                Ok(event) => {
                    events.push(Received { message, event });
                    tickets.push(ticket);
                }
                Err(failure) => failed.push_back((message, ticket, failure)),
            }
        }
        let verdicts = self.keeping_alive(&tickets.iter().collect::<Vec<_>>(), self.apply_all(&events)).await;
        for ((event, ticket), verdict) in events.into_iter().zip(tickets).zip(verdicts) {
            match verdict {
                Ok(()) => ticket.ack().await,
                Err(failure) => failed.push_back((event.message, ticket, failure)),
            }
        }
        while let Some((message, ticket, failure)) = failed.pop_front() {
            let waiting: Vec<_> =
                std::iter::once(&ticket).chain(failed.iter().map(|(_, ticket, _)| ticket)).collect();
            let ruling = self.keeping_alive(&waiting, self.rule(&message, &failure)).await;
            match ruling {
                Ruling::Retry { delay, code } => ticket.retry(delay, code).await,
                Ruling::Dead { code } => ticket.terminate(code).await,
            }
        }
    }

    /// The handler's first look; a panic there is a failure of this event like others.
    fn decode(&self, message: &Message) -> Result<H::Event, Failure> {
        let decode = AssertUnwindSafe(|| message.span.in_scope(|| self.handler.decode(message)));
        std::panic::catch_unwind(decode).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// The verdict on each event. A batch that fails is halved until the failing events are alone. Proved by
    /// `a_poison_event_is_dead_and_its_neighbours_are_done`.
    async fn apply_all(&self, events: &[Received<H::Event>]) -> Vec<Result<(), Failure>> {
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let mut verdicts: Vec<Result<(), Failure>> = events.iter().map(|_| Ok(())).collect();
        let mut parts = vec![(events, verdicts.as_mut_slice())];
        while let Some((batch, verdicts)) = parts.pop() {
            if batch.is_empty() {
                continue;
            }
            let Err(failure) = self.patiently(|| self.attempt(batch)).await else {
                continue;
            };
            match verdicts {
                [verdict] => *verdict = Err(failure),
                // Still away although we waited: the process stops, and halves would not fare better.
                _ if matches!(failure, Failure::Unavailable { .. }) => {
                    let text = failure.text();
                    verdicts.fill_with(|| Err(Failure::Unavailable { source: anyhow!(text.clone()) }));
                }
                _ => {
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

    /// One call of the handler, with a limit of time; a panic is a failure like others.
    async fn attempt(&self, batch: &[Received<H::Event>]) -> Result<(), Failure> {
        let started = Instant::now();
        let handling = AssertUnwindSafe(self.handler.apply(batch)).catch_unwind();
        let result = match tokio::time::timeout(self.handle_timeout, handling).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_) => {
                let source = anyhow!("not done within {:?}", self.handle_timeout);
                Err(Failure::Retry { code: code::TIMEOUT, after: None, source })
            }
        };
        let outcome = result.as_ref().map_or_else(|failure| failure.code().as_str(), |()| "completed");
        self.account.handled(started.elapsed(), outcome);
        result
    }

    /// Decides about a failed event, and has the journal commit the decision before the broker hears of it.
    async fn rule(&self, message: &Message, failure: &Failure) -> Ruling {
        let retry = |after: Option<Duration>| Ruling::Retry {
            delay: after.unwrap_or_else(|| self.backoff.delay(message.attempt)),
            code: failure.code(),
        };
        let (ruling, outcome_code) = match failure {
            // Only while stopping. Not before our own last pull has expired, or it would come straight back to us.
            Failure::Unavailable { .. } => return retry(Some(PULL_EXPIRES * 2)),
            Failure::Dead { code, .. } => (Ruling::Dead { code: *code }, *code),
            Failure::Retry { .. } if message.is_last_attempt() => {
                (Ruling::Dead { code: code::ATTEMPTS_EXHAUSTED }, code::ATTEMPTS_EXHAUSTED)
            }
            Failure::Retry { code, after, .. } => (retry(*after), *code),
        };
        let error = format!("{}: {}", failure.code(), failure.text());
        let outcome = match ruling {
            Ruling::Dead { .. } => Outcome::Dead { code: outcome_code, error: &error },
            Ruling::Retry { .. } => Outcome::Failed { code: outcome_code, error: &error },
        };
        log(message, outcome);
        match (self.patiently(|| self.record(message, outcome)).await, ruling) {
            (Ok(()), ruling) => ruling,
            (Err(problem), ruling) => {
                warn!(event.id = %message.envelope.id, error = problem.text(), "verdict not recorded");
                // A verdict that is not committed must not end the event. On its last attempt the server's own
                // max-deliver advisory is what remains of it.
                if matches!(ruling, Ruling::Dead { .. }) { retry(None) } else { ruling }
            }
        }
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let recording = AssertUnwindSafe(self.handler.record(message, outcome)).catch_unwind();
        match tokio::time::timeout(self.handle_timeout, recording).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_) => {
                Err(Failure::Unavailable { source: anyhow!("not recorded within {:?}", self.handle_timeout) })
            }
        }
    }

    /// Repeats `action` while what it needs is away, until a drain begins. Proved by
    /// `a_dependency_that_is_away_costs_no_attempts`.
    async fn patiently<F, Fut>(&self, action: F) -> Result<(), Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), Failure>>,
    {
        let (mut waits, mut blocked) = (0, None);
        loop {
            let failure = match action().await {
                Err(failure @ Failure::Unavailable { .. }) if !self.shutdown.is_draining() => failure,
                result => return result,
            };
            if blocked.is_none() {
                warn!(error = failure.text(), "waiting for a dependency; no attempt is lost");
                blocked = Some(self.account.blocked());
            }
            waits += 1;
            tokio::select! {
                () = tokio::time::sleep(UNAVAILABLE_RETRY.delay(waits)) => {}
                () = self.shutdown.draining() => {}
            }
        }
    }

    /// Runs `work`, telling the server often enough that `tickets` are still in our hands. An abort ends nothing here:
    /// it ends the process.
    async fn keeping_alive<T>(&self, tickets: &[&Ticket], work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(self.progress_interval) => {
                    for ticket in tickets {
                        ticket.progress().await;
                    }
                }
            }
        }
    }
}

fn log(message: &Message, outcome: Outcome<'_>) {
    let id = message.envelope.id;
    match outcome {
        Outcome::Failed { code, error } => {
            debug!(event.id = %id, attempt = message.attempt, code = code.as_str(), error, "attempt failed");
        }
        Outcome::Dead { code, error } => {
            warn!(event.id = %id, attempt = message.attempt, code = code.as_str(), error, "event is dead");
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::Retry {
        code: code::PANIC,
        after: None,
        source: anyhow!("handler panicked: {}", text.unwrap_or("?")),
    }
}
