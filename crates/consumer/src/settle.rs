//! The only place that answers the broker about an event. There is no way here to nak without a delay.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::{Client, jetstream};
use bytes::Bytes;
use contract::Code;
use tracing::{Span, warn};

use crate::account::{Entry, Settled};

/// The right, and duty, to settle one delivery, once.
#[derive(Debug)]
pub(crate) struct Ticket {
    client: Client,
    raw: jetstream::Message,
    /// Until it is settled.
    entry: Mutex<Option<Entry>>,
    span: Span,
}

impl Ticket {
    pub(crate) fn new(client: Client, raw: jetstream::Message, entry: Entry, span: Span) -> Self {
        Self { client, raw, entry: Mutex::new(Some(entry)), span }
    }

    /// The effects are committed.
    pub(crate) async fn ack(&self) {
        self.send(Bytes::from_static(b"+ACK")).await;
        self.close(Settled::Completed);
    }

    /// To come again, not before `delay`.
    pub(crate) async fn retry(&self, delay: Duration, code: Code) {
        self.mark(code);
        let nanoseconds = delay.as_nanos();
        self.send(Bytes::from(format!("-NAK {{\"delay\":{nanoseconds}}}"))).await;
        self.close(Settled::Retry);
    }

    /// Never again; the code becomes the reason in the server's advisory.
    pub(crate) async fn terminate(&self, code: Code) {
        self.mark(code);
        self.send(Bytes::from(format!("+TERM {code}"))).await;
        self.close(Settled::Dead);
    }

    /// Still at work: the acknowledgement wait begins anew. Nothing, once it is settled.
    pub(crate) async fn progress(&self) {
        let is_open = self.entry().is_some();
        if is_open {
            self.send(Bytes::from_static(b"+WPI")).await;
        }
    }

    fn close(&self, outcome: Settled) {
        let entry = self.entry().take();
        entry.expect("a ticket is settled once").settle(outcome);
    }

    fn entry(&self) -> MutexGuard<'_, Option<Entry>> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, code: Code) {
        self.span.record("otel.status_code", "ERROR").record("error.type", code.as_str());
    }

    /// Not confirmed on purpose: a lost acknowledgement means one more delivery, which the ledger drops, and a
    /// confirmed one would cost a round trip per event.
    async fn send(&self, answer: Bytes) {
        let Some(reply) = self.raw.reply.clone() else {
            return;
        };
        if let Err(error) = self.client.publish(reply, answer).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "broker not told about an event; it will come again"
            );
        }
    }
}
