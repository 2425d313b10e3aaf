//! Results: what is told on stream `RESULTS` of a batch that is committed.

use std::collections::HashMap;

use anyhow::Context as _;
use bus::Publisher;
use consumer::{Failure, Received};
use contract::{EventId, brightdata};
use futures::future::try_join_all;
use results::{
    About,
    v1::{DeliveryProcessed, RecordCounts, ScrapeRequestChanged, ScrapeStatus},
};
use store::scrape_requests::{Observed, Origin, ScrapeRequest, Status};
use time::OffsetDateTime;
use tracing::Instrument as _;

use crate::{
    processor::{Part, Standing},
    said::{Said, snapshot_id},
};

/// The results of a batch, with the place of the event that caused each.
#[derive(Debug, Default)]
pub(crate) struct Results {
    deliveries: Vec<(usize, DeliveryProcessed)>,
    requests: Vec<(usize, ScrapeRequestChanged)>,
}

/// What is to be told. Of an event that was applied by an earlier attempt it is told again: nobody knows whether that
/// attempt still told it.
pub(crate) fn results(
    received: &[Received<Said>],
    standings: &[Standing],
    parts: &[Part<'_>],
    observed: &[Observed],
    jobs: &HashMap<String, ScrapeRequest>,
) -> Results {
    let mut results = Results::default();
    for part in parts {
        if let Some(Received { message, event }) = received.get(part.index) {
            let number = if let Said::Records { part, .. } = event { *part } else { 0 };
            let delivery_id = message.envelope.delivery_id.map(|id| id.to_string());
            results.deliveries.push((part.index, processed(part, number, delivery_id)));
        }
    }
    for (index, (Received { message, event }, standing)) in received.iter().zip(standings).enumerate() {
        let Some(snapshot_id) = snapshot_id(message).filter(|_| !matches!(event, Said::Test)) else {
            continue;
        };
        let time = message.envelope.time;
        let changed = match standing {
            Standing::Fresh(id) => observed
                .iter()
                .find(|observed| observed.event_id == *id && observed.is_change())
                .map(|observed| changed(&observed.request, observed.previous, *id, time)),
            Standing::Applied(id) => jobs
                .get(snapshot_id)
                .filter(|job| job.status_event_id == Some(id.0))
                .map(|job| changed(job, None, *id, time)),
            Standing::Repeat => None,
        };
        results.requests.extend(changed.map(|changed| (index, changed)));
    }
    results
}

/// Publishes them, all at one time, and waits until the stream has them.
///
/// # Errors
/// [`Failure::Unavailable`]: whatever keeps the stream from taking a result (away, full, not provisioned), the event is
/// not to blame.
pub(crate) async fn publish(
    publisher: &Publisher,
    received: &[Received<Said>],
    results: &Results,
) -> Result<(), Failure> {
    let deliveries = try_join_all(
        results.deliveries.iter().map(|(index, outcome)| one(publisher, received, *index, outcome)),
    );
    let requests = try_join_all(
        results.requests.iter().map(|(index, outcome)| one(publisher, received, *index, outcome)),
    );
    futures::future::try_join(deliveries, requests).await.map(drop)
}

async fn one<O: results::Outcome>(
    publisher: &Publisher,
    received: &[Received<Said>],
    index: usize,
    outcome: &O,
) -> Result<(), Failure> {
    let Some(Received { message, .. }) = received.get(index) else { return Ok(()) };
    let envelope = &message.envelope;
    let about = About { cause: envelope.id, subject: envelope.subject.as_deref(), time: envelope.time };
    let published = results::publish(publisher, about, outcome).instrument(message.span.clone()).await;
    published.map(drop).context("cannot publish a result").map_err(|source| Failure::Unavailable { source })
}

fn processed(part: &Part<'_>, number: u64, delivery_id: Option<String>) -> DeliveryProcessed {
    let Part { heading, reading, .. } = part;
    let (platform, kind) = reading.sort();
    let counts = reading.counts;
    DeliveryProcessed {
        event_id: heading.event_id.to_string(),
        snapshot_id: heading.snapshot_id.unwrap_or_default().to_owned(),
        delivery_id: delivery_id.unwrap_or_default(),
        part: number,
        dataset_id: heading.dataset_id.unwrap_or_default().to_owned(),
        platform: platform.map_or("", brightdata::Platform::as_str).to_owned(),
        kind: kind.map_or("", brightdata::Kind::as_str).to_owned(),
        counts: Some(RecordCounts {
            records: counts.records.unsigned_abs(),
            stored: reading.stored().unsigned_abs(),
            errors: counts.errors.unsigned_abs(),
            unrecognised: counts.unrecognised.unsigned_abs(),
            warnings: counts.warnings.unsigned_abs(),
        }),
        received_at: Some(results::timestamp(heading.received_at)),
    }
}

fn changed(
    job: &ScrapeRequest,
    previous: Option<Status>,
    event_id: EventId,
    time: OffsetDateTime,
) -> ScrapeRequestChanged {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    ScrapeRequestChanged {
        request_id: job.id.to_string(),
        snapshot_id: text(&job.snapshot_id),
        status: word(job.status).into(),
        previous_status: previous.map_or(ScrapeStatus::Unspecified, word).into(),
        provider_status: text(&job.provider_status),
        triggered: job.origin == Origin::Triggered,
        dataset_id: text(&job.dataset_id),
        platform: text(&job.platform),
        kind: text(&job.kind),
        error_code: text(&job.error_code),
        counts: Some(RecordCounts {
            records: job.records.unsigned_abs(),
            stored: (job.records - job.record_errors - job.record_unrecognised).unsigned_abs(),
            errors: job.record_errors.unsigned_abs(),
            unrecognised: job.record_unrecognised.unsigned_abs(),
            warnings: job.record_warnings.unsigned_abs(),
        }),
        event_id: event_id.to_string(),
        changed_at: Some(results::timestamp(time)),
    }
}

const fn word(status: Status) -> ScrapeStatus {
    match status {
        Status::Pending => ScrapeStatus::Pending,
        Status::Processing => ScrapeStatus::Processing,
        Status::Completed => ScrapeStatus::Completed,
        Status::Failed => ScrapeStatus::Failed,
        Status::Cancelled => ScrapeStatus::Cancelled,
    }
}
