//! What a service supplies.

use std::future::Future;

use tracing::Instrument as _;

use crate::{Failure, Message, Outcome};

/// A message together with what it says.
#[derive(Debug)]
pub struct Received<E> {
    /// The message.
    pub message: Message,
    /// What [`Batch::decode`] read in it.
    pub event: E,
}

/// Applies events by the batch, in one transaction.
pub trait Batch: Send + Sync + 'static {
    /// What a message says, once read.
    type Event: Send + Sync;

    /// Reads one message, once, before any work is done for its batch; may already refuse it.
    ///
    /// # Errors
    /// The verdict on this event alone.
    fn decode(&self, message: &Message) -> Result<Self::Event, Failure>;

    /// Applies all of `events`, or none. Must be safe to run twice, for any subset.
    ///
    /// # Errors
    /// The verdict on the batch: it is split and tried again in parts until the failing events are alone.
    fn apply(&self, events: &[Received<Self::Event>]) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Handles events one by one: for work that calls out, where events have nothing to share. See [`OneByOne`].
pub trait Handler: Send + Sync + 'static {
    /// Handles one event; must be safe to run twice.
    ///
    /// # Errors
    /// The verdict on the event.
    fn handle(&self, message: &Message) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Where verdicts are committed before the broker hears of them.
pub trait Journal: Send + Sync + 'static {
    /// Whether it answers now; says so within a second or two. Asked before the first pull, and again when something was away: every delivery counts as
    /// an attempt with the broker, so what could not be worked on is better left there.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;

    /// Commits that an attempt failed, or that the event is dead.
    ///
    /// # Errors
    /// Not committed. [`Failure::Unavailable`] makes the loop wait and try again.
    fn record(
        &self,
        message: &Message,
        outcome: Outcome<'_>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Makes a [`Handler`] of one event into a [`Batch`] of one. Give its consumer `batch_max = 1`; `concurrency` is then
/// the number of events handled at one time.
#[derive(Debug)]
pub struct OneByOne<H>(pub H);

impl<H: Handler> Batch for OneByOne<H> {
    type Event = ();

    fn decode(&self, _: &Message) -> Result<(), Failure> {
        Ok(())
    }

    async fn apply(&self, events: &[Received<()>]) -> Result<(), Failure> {
        for Received { message, .. } in events {
            self.0.handle(message).instrument(message.span.clone()).await?;
        }
        Ok(())
    }
}

impl<H: Journal> Journal for OneByOne<H> {
    async fn is_ready(&self) -> bool {
        self.0.is_ready().await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        self.0.record(message, outcome).await
    }
}
