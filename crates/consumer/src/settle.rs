//! The only place that answers the broker about an event. There is no way here to nak without a delay.

use std::time::Duration;

use async_nats::{Client, jetstream};
use bytes::Bytes;
use contract::Code;
use tracing::{Span, warn};

use crate::account::{Entry, Settled};

/// The right, and duty, to settle one delivery.
#[derive(Debug)]
pub(crate) struct Ticket {
    client: Client,
    raw: jetstream::Message,
    entry: Entry,
    span: Span,
}

impl Ticket {
    pub(crate) fn new(client: Client, raw: jetstream::Message, entry: Entry, span: Span) -> Self {
        Self { client, raw, entry, span }
    }

    /// The effects are committed.
    pub(crate) async fn ack(self) {
        self.send(Bytes::from_static(b"+ACK")).await;
        self.entry.settle(Settled::Completed);
    }

    /// To come again, not before `delay`.
    pub(crate) async fn retry(self, delay: Duration, code: Code) {
        self.mark(code);
        let nanoseconds = delay.as_nanos();
        self.send(Bytes::from(format!("-NAK {{\"delay\":{nanoseconds}}}"))).await;
        self.entry.settle(Settled::Retry);
    }

    /// Never again; the code becomes the reason in the server's advisory.
    pub(crate) async fn terminate(self, code: Code) {
        self.mark(code);
        self.send(Bytes::from(format!("+TERM {code}"))).await;
        self.entry.settle(Settled::Dead);
    }

    /// Still at work: the acknowledgement wait begins anew.
    pub(crate) async fn progress(&self) {
        self.send(Bytes::from_static(b"+WPI")).await;
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
