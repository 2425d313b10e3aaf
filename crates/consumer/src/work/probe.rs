//! Events that stay in hand while their consumer is paused, and are tried again before it resumes.

use super::{
    Failed, Probe, Work,
    ruling::{Ruling, give_back},
};
use crate::{Batch, Failure, Journal, breaker::Turn};

impl<H: Batch + Journal> Work<H> {
    /// Tries the event whenever a pause ends, until it is done or the consumer resumes without it. Proved by
    /// `a_consumer_resumes_by_itself_once_its_handler_works`.
    pub(super) async fn probe(&self, mut probe: Probe<'_>) {
        loop {
            let Probe { message, ticket, mut seat } = probe;
            let turn = tokio::select! {
                turn = seat.turn() => Some(turn),
                () = self.patience.draining() => None,
            };
            let Some(turn) = turn else {
                if let Ruling::Retry { delay, code } = give_back(&message, contract::code::DRAINING) {
                    ticket.retry(delay, code).await;
                }
                return;
            };
            let (message, failure) = self.apply_one(message, ticket).await;
            match (failure, turn) {
                (None, _) => return seat.succeeded(),
                (Some(Failure::Retry { .. } | Failure::Dead { .. }), Turn::Try) => {
                    seat.failed();
                    probe = Probe { message, ticket, seat };
                }
                // The others flow again, or the process stops: its own verdict counts.
                (Some(failure), _) => {
                    drop(seat);
                    match self.settle(Failed { message, ticket, failure }).await {
                        Some(again) => probe = again,
                        None => return,
                    }
                }
            }
        }
    }
}
