//! Events of one delivery on their way to the stream, a bounded number at one time.

use std::{pin::pin, time::Duration};

use bus::{
    PublishError, Receipt,
    claim::{ClaimError, Claims},
};
use bytes::Bytes;
use contract::Code;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;

use super::PartsInFlight;
use crate::{
    error::Refusal,
    http::App,
    provider::{Draft, Registered, Tally},
    publish::{self, Delivery},
};

/// Events of one delivery that wait for their acknowledgement at one time. Enough to keep the stream busy, and few
/// enough to leave room for other deliveries.
const CONCURRENCY: usize = 16;

type Published = Result<(Option<Code>, Receipt), Refusal>;

pub(super) struct Publishing<'a> {
    app: &'a App,
    provider: &'a Registered,
    delivery: Delivery,
    parts: PartsInFlight,
    in_flight: FuturesUnordered<BoxFuture<'a, Published>>,
    tally: Tally,
    waited: Duration,
}

impl<'a> Publishing<'a> {
    pub(super) fn new(
        app: &'a App,
        provider: &'a Registered,
        delivery: Delivery,
        parts: PartsInFlight,
    ) -> Self {
        Self {
            app,
            provider,
            delivery,
            parts,
            in_flight: FuturesUnordered::new(),
            tally: Tally::default(),
            waited: Duration::ZERO,
        }
    }

    /// How long reading had to wait for the stream.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// Begins to publish an event, once there is room for it.
    pub(super) async fn add(&mut self, draft: Draft) -> Result<(), Refusal> {
        let limit_events = self.provider.events_max;
        if self.tally.received >= limit_events {
            return Err(Refusal::TooManyEvents { limit_events });
        }
        self.tally.received += 1;
        let started = Instant::now();
        while self.in_flight.len() >= CONCURRENCY {
            self.settle_one().await?;
        }
        let room = self.parts.clone().room_for(draft.payload.len());
        // Its own events hold places too: they must go on while it waits for another.
        let permit = self.meanwhile(room).await?;
        self.waited += started.elapsed();
        let (app, provider, delivery) = (self.app, self.provider, self.delivery);
        self.in_flight.push(Box::pin(async move {
            let published = one(app, provider, delivery, draft).await;
            drop(permit);
            published
        }));
        Ok(())
    }

    /// Does something while the events in flight go on. The first failure ends both.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(published) = self.in_flight.next() => self.settle(published)?,
                done = &mut work => return done,
            }
        }
    }

    /// Waits for all of them.
    pub(super) async fn finish(mut self) -> Result<Tally, Refusal> {
        while !self.in_flight.is_empty() {
            self.settle_one().await?;
        }
        Ok(self.tally)
    }

    async fn settle_one(&mut self) -> Result<(), Refusal> {
        match self.in_flight.next().await {
            Some(published) => self.settle(published),
            None => Ok(()),
        }
    }

    fn settle(&mut self, published: Published) -> Result<(), Refusal> {
        match published? {
            (Some(problem), _) => {
                self.tally.rejected += 1;
                self.tally.first_problem.get_or_insert(problem);
            }
            (None, Receipt { duplicate: true, .. }) => self.tally.duplicates += 1,
            (None, Receipt { duplicate: false, .. }) => self.tally.processed += 1,
        }
        Ok(())
    }
}

async fn one(app: &App, provider: &Registered, delivery: Delivery, mut draft: Draft) -> Published {
    if draft.payload.len() > provider.event_max_bytes {
        claim(app.publisher.claims(), &mut draft).await?;
    }
    let rejected = draft.rejected;
    let receipt = app.publisher.publish(publish::event(draft, provider, delivery)).await;
    Ok((rejected, receipt.map_err(Refusal::NotDurable)?))
}

/// Leaves the body in the object store; the event carries where.
async fn claim(claims: &Claims, draft: &mut Draft) -> Result<(), Refusal> {
    let body = std::mem::replace(&mut draft.payload, Bytes::new());
    let name = claims.put(&body).await.map_err(|error| {
        Refusal::NotDurable(match error {
            ClaimError::Unavailable(None) => PublishError::Unavailable(None),
            other => PublishError::Refused(Box::new(other)),
        })
    })?;
    draft.extensions.insert("claim", name);
    Ok(())
}
