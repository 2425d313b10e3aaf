//! The decision about an event that is not done, committed before the broker hears of it.

use std::{panic::AssertUnwindSafe, time::Duration};

use anyhow::anyhow;
use contract::{Code, code};
use futures::FutureExt as _;
use tracing::{debug, warn};

use super::{Work, apply::panicked};
use crate::{Batch, Failure, Journal, Message, Outcome, breaker::Seat, pull::PULL_EXPIRES};

/// What becomes of a failed event.
pub(super) enum Ruling {
    /// It comes again.
    Retry { delay: Duration, code: Code },
    /// It never comes again.
    Dead { code: Code },
    /// It stays in hand, and is tried again before the consumer resumes.
    Probe(Seat),
}

impl<H: Batch + Journal> Work<H> {
    pub(super) async fn rule(&self, message: &Message, failure: &Failure) -> Ruling {
        let code = match failure {
            Failure::Unavailable { .. } | Failure::Wait { .. } => {
                self.release(message).await;
                return give_back(message, failure.code());
            }
            Failure::Retry { .. } if message.is_last_attempt() => code::ATTEMPTS_EXHAUSTED,
            Failure::Retry { code, .. } | Failure::Dead { code, .. } => *code,
        };
        let error = format!("{}: {}", failure.code(), failure.text());
        let (ruling, outcome) = match failure {
            Failure::Retry { after, .. } if !message.is_last_attempt() => {
                self.breaker.handled();
                let delay = after.unwrap_or_else(|| self.backoff.delay(message.attempt));
                (Ruling::Retry { delay, code }, Outcome::Failed { code, error: &error })
            }
            _ if !self.may_die(message) => (self.keep(code), Outcome::Failed { code, error: &error }),
            _ => (Ruling::Dead { code }, Outcome::Dead { code, error: &error }),
        };
        log(message, outcome);
        let Err(problem) = self.patience.until_there(|| self.record(message, outcome)).await else {
            return ruling;
        };
        warn!(event.id = %message.envelope.id, consumer = message.consumer, error = problem.text(), "verdict not recorded");
        match (problem, ruling) {
            (Failure::Unavailable { .. } | Failure::Wait { .. }, _) => give_back(message, code::UNAVAILABLE),
            // A verdict that is not committed must not end the event.
            (_, Ruling::Dead { code }) => Ruling::Retry { delay: self.backoff.delay(message.attempt), code },
            (_, ruling) => ruling,
        }
    }

    /// Whether a verdict may make a dead letter now, or the consumer is to pause instead. Nobody would bring an event
    /// again after its last delivery. What the edge refused is the sender's doing, and what is no event at all a
    /// stranger's, which no pause mends.
    fn may_die(&self, message: &Message) -> bool {
        let is_not_ours = message.envelope.rejected.is_some() || message.strange_headers.is_some();
        message.is_last_delivery() || is_not_ours || self.breaker.may_die()
    }

    /// What becomes of an event that would have died.
    fn keep(&self, code: Code) -> Ruling {
        match self.breaker.seat() {
            Some(seat) => Ruling::Probe(seat),
            // The pause itself, which the server keeps, holds it back; a longer delay would outlast a pause that somebody
            // ends. Proved by `a_bad_deploy_pauses_the_consumer_before_its_stream_is_drained`.
            None => Ruling::Retry { delay: PULL_EXPIRES * 2, code },
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
        // Every further delivery would end here again, so the journal is waited for, whatever ails it. Proved by
        // `an_event_on_its_last_attempt_waits_for_a_journal_that_fails`.
        Err(if message.is_last_attempt() { Failure::Unavailable { source: failure.into() } } else { failure })
    }
}

/// What becomes of an event that could not be worked on before a drain.
pub(super) fn give_back(message: &Message, code: Code) -> Ruling {
    if message.is_last_delivery() {
        // The server's max-deliver advisory names it, and the dead letter recorder takes it from there.
        warn!(event.id = %message.envelope.id, consumer = message.consumer, sequence = message.sequence, "event left without a verdict after its last delivery");
    }
    // Not before our own last pull has expired, or it would come straight back to us.
    Ruling::Retry { delay: PULL_EXPIRES * 2, code }
}

fn log(message: &Message, outcome: Outcome<'_>) {
    let Message { consumer, sequence, attempt, .. } = message;
    let id = message.envelope.id;
    match outcome {
        Outcome::Failed { code, error } => {
            debug!(event.id = %id, consumer, sequence, attempt, code = code.as_str(), error, "attempt failed");
        }
        Outcome::Dead { code, error } => {
            warn!(event.id = %id, consumer, sequence, attempt, code = code.as_str(), error, "event is dead");
        }
    }
}
