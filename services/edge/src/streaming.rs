//! Deliveries that are too large to hold: taken apart and published while they arrive.
//!
//! Memory of one of them is a piece of the body, one record, one part; parts whose acknowledgement is awaited are
//! bounded over all deliveries. Reading pauses while they are too many, so the sender is slowed down, not the memory
//! filled. Proved by `a_delivery_of_100_megabytes_costs_less_than_64`.

mod publishing;
mod source;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tracing::{Instrument as _, debug};
use uuid::Uuid;

use crate::{
    body,
    error::Refusal,
    http::Exchange,
    ingest::{Ingest, answered},
    provider::{Draft, Head, Tally, Verdict},
    publish::Delivery,
    rate::Standing,
};
use publishing::Publishing;
use source::Source;

/// What a provider adds whose deliveries are taken apart while they arrive.
pub(crate) trait Streaming: Send + Sync {
    fn bounds(&self) -> &Bounds;

    /// The check of a signed body, when the head alone does not authenticate it. Nothing of the body is published
    /// before it passes.
    fn check(&self, head: &Head<'_>) -> Box<dyn Check>;

    /// Begins to take a delivery apart.
    fn open(&self, head: &Head<'_>, path: &'static str, delivery_id: Uuid) -> Box<dyn Intake>;
}

/// A check of a body that goes along with it.
pub(crate) trait Check: Send {
    fn update(&mut self, piece: &[u8]);

    fn passes(self: Box<Self>) -> bool;
}

/// One delivery being taken apart.
pub(crate) trait Intake: Send {
    /// Gives it the next piece of the body, once [`Self::next`] has nothing left of the last one.
    fn feed(&mut self, piece: Bytes);

    /// Says that the body is complete. One that is cut off never is, so nothing is made of its unfinished end.
    fn end(&mut self);

    /// The next event; `None`: it needs more of the body, or is done.
    fn next(&mut self) -> Result<Option<Draft>, Refusal>;

    /// What the sender is told once everything is durable.
    fn answer(&self, tally: &Tally) -> (StatusCode, Value);
}

/// Bounds over all deliveries of one provider.
pub(crate) struct Bounds {
    deliveries: Arc<Semaphore>,
    parts: PartsInFlight,
    spool_dir: Option<PathBuf>,
}

/// Room for parts whose acknowledgement is awaited, in parts of full size: a record that is larger takes the room of as
/// many as it is long, so that the bytes are bounded whatever the records are
/// (`records_of_five_megabytes_cost_no_more_than_small_ones`).
#[derive(Clone)]
struct PartsInFlight {
    room: Arc<Semaphore>,
    max: u32,
    part_bytes: usize,
}

impl Bounds {
    pub(crate) fn new(settings: &config::EdgeDelivery) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let max = u32::try_from(settings.parts_in_flight_max).unwrap_or(u32::MAX);
        Self {
            deliveries: permits(settings.deliveries_in_flight_max),
            parts: PartsInFlight {
                room: permits(settings.parts_in_flight_max),
                max,
                part_bytes: settings.part_max_bytes,
            },
            spool_dir: settings.spool_dir.clone(),
        }
    }
}

impl PartsInFlight {
    /// Waits for room. One that is larger than all of it waits until it is alone.
    async fn room_for(self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let parts = u32::try_from(bytes.div_ceil(self.part_bytes.max(1))).unwrap_or(u32::MAX);
        self.room.acquire_many_owned(parts.clamp(1, self.max)).await.map_err(|_| Refusal::Internal)
    }
}

/// A delivery whose head was accepted.
pub(crate) struct Begun<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) head: Head<'a>,
    pub(crate) verdict: Verdict,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) standing: Option<Standing>,
}

impl Ingest {
    /// Takes the delivery apart and publishes it; answers when all of it is durable.
    ///
    /// What was published before a failure is harmless: the sender's repeat gives the same parts under the same keys,
    /// and the stream and the ledger drop what they have.
    pub(crate) async fn stream(
        &self,
        streaming: &dyn Streaming,
        begun: Begun<'_>,
        body: Body,
    ) -> Result<Response<Body>, Refusal> {
        let Self { app, provider, .. } = self;
        let (bounds, began) = (streaming.bounds(), Instant::now());
        // The sender waits for one answer, whatever is done before it.
        let answer_by = began + provider.answer_timeout;
        let _place = bounds.deliveries.try_acquire().map_err(|_| Refusal::Overloaded)?;
        let limit = provider.body_max_bytes;
        body::declared_length(begun.head.headers, limit)?;
        let mut source = Source::wire(body, limit, began + provider.body_timeout);
        if begun.verdict != Verdict::Allow {
            let check = streaming.check(&begun.head);
            let checked = source.checked(check, bounds.spool_dir.as_deref());
            source = timeout_at(answer_by, checked).await.map_err(|_| Refusal::TooSlow)??;
        }
        let standing = provider.limit.check().map_err(Refusal::RateLimited)?.tighter(begun.standing);
        begun.exchange.trace(provider.trust_traceparent);
        let delivery =
            Delivery { id: begun.exchange.id, source: self.source, received_at: begun.received_at };
        let mut intake = streaming.open(&begun.head, self.source, delivery.id);
        let publishing = Publishing::new(app, provider, delivery, bounds.parts.clone());
        let tally = drive(intake.as_mut(), &mut source, publishing).instrument(begun.exchange.span.clone());
        // What is stored when the time is over is a duplicate when the sender comes again.
        let tally = timeout_at(answer_by, tally).await.map_err(|_| Refusal::TooSlow)??;
        app.metrics.body(provider.name, source.taken());
        app.metrics.tally(provider.name, &tally);
        debug!(
            weir.delivery.id = %begun.exchange.id,
            http.route = begun.exchange.route(),
            provider = provider.name,
            events = tally.received,
            processed = tally.processed,
            duplicates = tally.duplicates,
            rejected = tally.rejected,
            "delivery is durable"
        );
        let (status, answer) = intake.answer(&tally);
        Ok(answered(status, answer.to_string(), standing))
    }
}

/// Moves the delivery from its source to the stream.
async fn drive(
    intake: &mut dyn Intake,
    source: &mut Source,
    mut publishing: Publishing<'_>,
) -> Result<Tally, Refusal> {
    loop {
        while let Some(draft) = intake.next()? {
            publishing.add(draft).await?;
        }
        match publishing.meanwhile(source.next()).await? {
            Some(piece) => intake.feed(piece),
            None => break,
        }
        source.check_deadline(publishing.waited())?;
    }
    intake.end();
    while let Some(draft) = intake.next()? {
        publishing.add(draft).await?;
    }
    publishing.finish().await
}

/// Whether most of the time went by waiting for the stream: then the sender was not slow, we were.
fn was_us(waited: Duration, whole: Duration) -> bool {
    waited > whole / 2
}
