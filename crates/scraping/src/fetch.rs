//! Bringing in what never came.

use std::{collections::BTreeMap, time::Duration};

use brightdata_api::{Body, Format, Snapshot, SnapshotId};
use bus::{Bus, Event, PublishError, Publisher, Receipt, claim::Claims};
use bytes::Bytes;
use contract::{
    brightdata::{JobStatus, Limits},
    stream::brightdata::STREAM,
};
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
        let about = about(snapshot_id, known.as_ref(), now);
        match self.api.snapshot(snapshot_id, Format::Json).await {
            Ok(Snapshot::NotReady) => Ok(None),
            Ok(Snapshot::Ready(body)) => {
                self.bring_in(snapshot_id, Some(body), about, channel).await.map(Some)
            }
            // There is nothing to download, which is news too: without it the job would be looked for again and again.
            Err(brightdata_api::Error::Refused { .. }) if self.is_empty(snapshot_id).await? => {
                self.bring_in(snapshot_id, None, about, channel).await.map(Some)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a job is ready and found nothing. Proved by `a_snapshot_without_records_is_not_lost_for_ever`.
    async fn is_empty(&self, snapshot_id: &SnapshotId) -> Result<bool, Error> {
        let progress = self.api.progress(snapshot_id).await?;
        let nothing = progress.record_count() == Some(0) && progress.error_count().unwrap_or_default() == 0;
        Ok(nothing && progress.job_status() == Some(JobStatus::Completed))
    }

    async fn bring_in(
        &self,
        snapshot_id: &SnapshotId,
        mut body: Option<Body>,
        about: About,
        channel: &Channel,
    ) -> Result<Fetched, Error> {
        let delivery = &self.edge.delivery;
        // The same limits as at the edge, or a part that had arrived would not be known again.
        let limits = Limits { records: delivery.part_records_max, bytes: delivery.part_max_bytes };
        let mut assembler = Assembler::new(about, limits, delivery.record_max_bytes);
        let mut fetched = Fetched::default();
        let mut is_bare = body.is_some();
        while let Some(chunk) = next(&mut body).await? {
            is_bare &= chunk.is_empty();
            let mut rest = &chunk[..];
            while let Some(event) = assembler.take(&mut rest) {
                fetched.publish(event, channel).await?;
            }
        }
        // Without a byte there is not even an empty list. Taken for one, the job would never be looked for again.
        if is_bare && !self.is_empty(snapshot_id).await? {
            return Err(Error::NothingCame);
        }
        assembler.end();
        while let Some(event) = assembler.next() {
            fetched.publish(event, channel).await?;
        }
        (fetched.records, fetched.rejected) = assembler.counts();
        Ok(fetched)
    }
}

impl Fetched {
    async fn publish(&mut self, event: Event, channel: &Channel) -> Result<(), Error> {
        match channel.publish(event).await? {
            Receipt { duplicate: true, .. } => self.duplicates += 1,
            Receipt { duplicate: false, .. } => self.new += 1,
        }
        Ok(())
    }
}

/// The next piece of a download; there may be nothing to download.
async fn next(body: &mut Option<Body>) -> Result<Option<Bytes>, Error> {
    match body {
        Some(body) => body.chunk().await.map_err(Error::Download),
        None => Ok(None),
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
