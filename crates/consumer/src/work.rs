//! What happens to the events of one pull between their arrival and their settlement.

use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::anyhow;
use contract::{Code, code};
use futures::FutureExt as _;
use lifecycle::Shutdown;
use tokio::{sync::Semaphore, time::Instant};
use tracing::{debug, error, warn};

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
    /// Something that every event needs was away when it was last used; at the start nobody knows.
    pub(crate) away: AtomicBool,
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
        // The refused ones wait too, for as long as it takes. Proved by
        // `a_refused_event_is_not_delivered_again_while_its_neighbours_wait`.
        let waiting: Vec<_> = tickets.iter().chain(failed.iter().map(|(_, ticket, _)| ticket)).collect();
        let verdicts = self.keeping_alive(&waiting, self.apply_all(&events)).await;
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
        if events.is_empty() {
            return Vec::new();
        }
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let mut verdicts: Vec<Result<(), Failure>> = events.iter().map(|_| Ok(())).collect();
        let mut parts = vec![(events, verdicts.as_mut_slice())];
        while let Some((batch, verdicts)) = parts.pop() {
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

    /// Decides about a failed event, and has the journal commit the decision before the broker hears of it.
    async fn rule(&self, message: &Message, failure: &Failure) -> Ruling {
        let code = match failure {
            Failure::Unavailable { .. } => return give_back(message),
            Failure::Retry { .. } if message.is_last_attempt() => code::ATTEMPTS_EXHAUSTED,
            Failure::Retry { code, .. } | Failure::Dead { code, .. } => *code,
        };
        let error = format!("{}: {}", failure.code(), failure.text());
        let (ruling, outcome) = match failure {
            Failure::Retry { after, .. } if !message.is_last_attempt() => {
                let delay = after.unwrap_or_else(|| self.backoff.delay(message.attempt));
                (Ruling::Retry { delay, code }, Outcome::Failed { code, error: &error })
            }
            _ => (Ruling::Dead { code }, Outcome::Dead { code, error: &error }),
        };
        log(message, outcome);
        let Err(problem) = self.patiently(|| self.record(message, outcome)).await else {
            return ruling;
        };
        warn!(event.id = %message.envelope.id, error = problem.text(), "verdict not recorded");
        match (problem, ruling) {
            (Failure::Unavailable { .. }, _) => give_back(message),
            (_, retry @ Ruling::Retry { .. }) => retry,
            // A verdict that is not committed must not end the event.
            (_, Ruling::Dead { code }) => Ruling::Retry { delay: self.backoff.delay(message.attempt), code },
        }
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        let recording = AssertUnwindSafe(self.handler.record(message, outcome)).catch_unwind();
        let failure = match tokio::time::timeout(self.handle_timeout, recording).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(panic)) => panicked(&*panic),
            Err(_) => {
                Failure::Unavailable { source: anyhow!("not recorded within {:?}", self.handle_timeout) }
            }
        };
        // Nobody would bring it again to be recorded later, so the journal is waited for, whatever ails it. Proved by
        // `an_event_on_its_last_attempt_waits_for_a_journal_that_fails`.
        Err(if message.is_last_attempt() { Failure::Unavailable { source: failure.into() } } else { failure })
    }

    /// Resolves when there is sense in taking events. Proved by
    /// `restarts_while_a_dependency_is_away_cost_one_attempt_at_most`.
    pub(crate) async fn ready(&self) {
        let (mut waits, mut blocked) = (0, None);
        while self.away.load(Ordering::Relaxed) {
            if self.handler.is_ready().await {
                self.away.store(false, Ordering::Relaxed);
                return;
            }
            if blocked.is_none() {
                warn!("a dependency is away; no events are taken");
                blocked = Some(self.account.blocked());
            }
            waits += 1;
            tokio::time::sleep(UNAVAILABLE_RETRY.delay(waits)).await;
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
            // A drain has no time for each batch to find out by itself. Proved by
            // `a_drain_asks_once_for_what_is_away_and_not_once_for_each_batch`.
            if self.shutdown.is_draining() && self.away.load(Ordering::Relaxed) {
                return Err(Failure::Unavailable { source: anyhow!("still away when the process stopped") });
            }
            let result = action().await;
            // Time that ran out while the dependency was coming back says nothing of the events.
            if matches!(&result, Err(Failure::Retry { code: code::TIMEOUT, .. })) && blocked.take().is_some()
            {
                continue;
            }
            let is_away = matches!(result, Err(Failure::Unavailable { .. }));
            self.away.store(is_away, Ordering::Relaxed);
            let failure = match result {
                Err(failure) if is_away && !self.shutdown.is_draining() => failure,
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

/// What becomes of an event that could not be worked on before a drain.
fn give_back(message: &Message) -> Ruling {
    if message.is_last_attempt() {
        // It stays on the stream, and the server's max-deliver advisory names it; a person must publish it again.
        error!(event.id = %message.envelope.id, sequence = message.sequence, "event left without a verdict");
    }
    // Not before our own last pull has expired, or it would come straight back to us.
    Ruling::Retry { delay: PULL_EXPIRES * 2, code: code::UNAVAILABLE }
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
