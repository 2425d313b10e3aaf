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

    /// Whether every message must be an event of ours, and is dead otherwise; `false` for what others publish.
    const OURS: bool = true;

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

    /// What is on record of the attempts at each of `messages`. Asked only for events that come again. By default every
    /// delivery counts as an attempt.
    ///
    /// # Errors
    /// The record could not be read; the loop waits and asks again.
    fn on_record(
        &self,
        messages: &[&Message],
    ) -> impl Future<Output = Result<Vec<OnRecord>, Failure>> + Send {
        let records = messages.iter().map(|message| OnRecord::of_deliveries(message)).collect();
        std::future::ready(Ok(records))
    }

    /// Commits that an attempt at each of `messages` begins. Asked only for events whose earlier deliveries ended without
    /// a word more than once: they are handled apart, and what kills the process again is then known for it.
    ///
    /// # Errors
    /// Not committed. [`Failure::Unavailable`] makes the loop wait and try again.
    fn begin(&self, messages: &[&Message]) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = messages;
        std::future::ready(Ok(()))
    }

    /// Takes back that an attempt at `message` began: it is given back untried, which is not its fault.
    ///
    /// # Errors
    /// Not committed. The attempt then counts.
    fn release(&self, message: &Message) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = message;
        std::future::ready(Ok(()))
    }

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

/// What is on record of the attempts at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnRecord {
    /// How many attempts there were.
    pub attempts: u64,
    /// The last of them began, and there is no word of its end.
    pub unfinished: bool,
}

impl OnRecord {
    /// For a journal that keeps none: every delivery before this one was an attempt.
    pub fn of_deliveries(message: &Message) -> Self {
        Self { attempts: message.delivery.saturating_sub(1), unfinished: false }
    }
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

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        self.0.on_record(messages).await
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        self.0.begin(messages).await
    }

    async fn release(&self, message: &Message) -> Result<(), Failure> {
        self.0.release(message).await
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        self.0.record(message, outcome).await
    }
}
