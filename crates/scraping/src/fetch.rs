//! Bringing in what never came.

use std::{collections::BTreeMap, time::Duration};

use brightdata_api::{Body, Format, Snapshot, SnapshotId};
use bus::{Bus, Event, PublishError, Publisher, Receipt, claim::Claims};
use bytes::Bytes;
use contract::{brightdata::Limits, stream::brightdata::STREAM};
use serde::Serialize;
use store::scrape_requests::ScrapeRequest;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error, Scraping,
    assemble::{About, Assembler},
};

/// Room for the headers beside an event's body; every one of them is bounded.
const HEADERS_MAX_BYTES: usize = 4096;

/// What a fetch brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// Records in the snapshot.
    pub records: usize,
    /// What was in it and is no record.
    pub rejected: usize,
    /// Events that the stream did not have.
    pub new: usize,
    /// Events that had arrived before.
    pub duplicates: usize,
}

/// The way to the stream.
#[derive(Debug, Clone)]
pub struct Channel {
    publisher: Publisher,
    claims: Claims,
    message_max_bytes: usize,
}

impl Channel {
    /// Publishes over this connection.
    pub fn new(bus: &Bus, config: &config::Nats) -> Self {
        let stream = bus::Topology::embedded().streams.get(STREAM).map(|stream| stream.max_message_bytes);
        let max = stream.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        Self {
            publisher: Publisher::new(bus, config),
            claims: Claims::new(bus, config),
            message_max_bytes: max.saturating_sub(HEADERS_MAX_BYTES),
        }
    }

    /// Publishes, and goes on trying for a while when the stream is away: the download is not worth losing for that.
    pub(crate) async fn publish(&self, mut event: Event) -> Result<Receipt, Error> {
        const ATTEMPTS: usize = 5;
        const PAUSE: Duration = Duration::from_secs(1);
        if event.payload.len() > self.message_max_bytes {
            let body = std::mem::replace(&mut event.payload, Bytes::new());
            event.envelope.extensions.insert("claim", self.claims.put(&body).await?);
        }
        for _ in 1..ATTEMPTS {
            match self.publisher.publish(event.clone()).await {
                Err(PublishError::Unavailable(_) | PublishError::Overloaded) => {
                    tokio::time::sleep(PAUSE).await;
                }
                settled => return Ok(settled?),
            }
        }
        Ok(self.publisher.publish(event).await?)
    }
}

impl Scraping {
    /// Downloads what a job brought and publishes it as the edge would have. `None`: it is not ready yet.
    ///
    /// May be repeated at any time, and after any failure: what was published is a duplicate then.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch(
        &self,
        snapshot_id: &SnapshotId,
        channel: &Channel,
        now: OffsetDateTime,
    ) -> Result<Option<Fetched>, Error> {
        let known = self.find(snapshot_id).await?;
        match self.api.snapshot(snapshot_id, Format::Json).await? {
            Snapshot::NotReady => Ok(None),
            Snapshot::Ready(body) => {
                let about = about(snapshot_id, known.as_ref(), now);
                self.bring_in(body, about, channel).await.map(Some)
            }
        }
    }

    async fn bring_in(&self, mut body: Body, about: About, channel: &Channel) -> Result<Fetched, Error> {
        let delivery = &self.edge.delivery;
        // The same limits as at the edge, or a part that had arrived would not be known again.
        let limits = Limits { records: delivery.part_records_max, bytes: delivery.part_max_bytes };
        let mut assembler = Assembler::new(about, limits, delivery.record_max_bytes);
        let mut fetched = Fetched::default();
        while let Some(chunk) = body.chunk().await.map_err(Error::Download)? {
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                assembler.take(&mut rest);
                fetched.publish_ready(&mut assembler, channel).await?;
            }
        }
        assembler.end();
        fetched.publish_ready(&mut assembler, channel).await?;
        (fetched.records, fetched.rejected) = assembler.counts();
        Ok(fetched)
    }
}

impl Fetched {
    async fn publish_ready(&mut self, assembler: &mut Assembler, channel: &Channel) -> Result<(), Error> {
        while let Some(event) = assembler.next() {
            match channel.publish(event).await? {
                Receipt { duplicate: true, .. } => self.duplicates += 1,
                Receipt { duplicate: false, .. } => self.new += 1,
            }
        }
        Ok(())
    }
}

/// What is known of a job, for its events.
pub(crate) fn about(snapshot_id: &SnapshotId, known: Option<&ScrapeRequest>, now: OffsetDateTime) -> About {
    let word = |name, word: fn(&ScrapeRequest) -> &Option<String>| Some((name, word(known?).clone()?));
    let extensions: BTreeMap<_, _> = [
        word("platform", |it| &it.platform),
        word("kind", |it| &it.kind),
        word("dataset", |it| &it.dataset_id),
    ]
    .into_iter()
    .flatten()
    .collect();
    About { snapshot_id: snapshot_id.to_string(), extensions, delivery_id: Uuid::now_v7(), received_at: now }
}
