//! From drafts to acknowledged events.

use bus::{Event, PublishError, Publisher, Receipt};
use contract::{Code, Envelope, EventId, brightdata, code, stream::ingest_subject};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::provider::{Draft, Registered, Tally};

/// Events of one delivery that wait for their acknowledgement at one time.
const CONCURRENCY: usize = 256;
/// What is kept of an event that is too large for its stream: enough to see what it was.
const EXCERPT_BYTES: usize = 16 * 1024;

/// What all events of a delivery share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) source: &'static str,
    pub(crate) received_at: OffsetDateTime,
}

/// Makes every event durable, or says why one could not be. Some may be stored then: the sender's repeat of them is a
/// duplicate to the stream.
pub(crate) async fn publish(
    publisher: &Publisher,
    provider: &Registered,
    delivery: Delivery,
    drafts: Vec<Draft>,
) -> Result<Tally, PublishError> {
    let one = |draft| one(publisher, provider, delivery, draft);
    let mut tally = Tally { received: drafts.len(), ..Tally::default() };
    if drafts.len() == 1 {
        // Most deliveries bring one event, which needs nothing to keep several in order.
        for draft in drafts {
            tally.count(one(draft).await?);
        }
        return Ok(tally);
    }
    let mut publishing = Box::pin(stream::iter(drafts.into_iter().map(one)).buffered(CONCURRENCY));
    while let Some(published) = publishing.try_next().await? {
        tally.count(published);
    }
    Ok(tally)
}

async fn one(
    publisher: &Publisher,
    provider: &Registered,
    delivery: Delivery,
    draft: Draft,
) -> Result<(Option<Code>, Receipt), PublishError> {
    let draft = fitting(draft, provider.event_max_bytes);
    let rejected = draft.rejected;
    let receipt = publisher.publish(event(draft, provider, delivery)).await?;
    Ok((rejected, receipt))
}

impl Tally {
    fn count(&mut self, (rejected, Receipt { duplicate, .. }): (Option<Code>, Receipt)) {
        match rejected {
            Some(problem) => {
                self.rejected += 1;
                self.first_problem.get_or_insert(problem);
            }
            None if duplicate => self.duplicates += 1,
            None => self.processed += 1,
        }
    }
}

/// The draft, or the record of it when it is too large for its stream. Proved by
/// `an_event_too_large_for_its_stream_is_rejected_alone`.
fn fitting(draft: Draft, max_bytes: usize) -> Draft {
    if draft.payload.len() <= max_bytes {
        return draft;
    }
    Draft {
        token: "rejected",
        dedup_key: format!("{}:{}", draft.dedup_key, code::EVENT_TOO_LARGE),
        rejected: Some(code::EVENT_TOO_LARGE),
        payload: draft.payload.slice(..EXCERPT_BYTES.min(max_bytes)),
        ..draft
    }
}

pub(crate) fn event(draft: Draft, provider: &Registered, delivery: Delivery) -> Event {
    let format = draft.extensions.get("format").map_or("", String::as_str);
    let content_type = brightdata::content_type(format).to_owned();
    Event {
        stream: provider.stream(),
        subject: ingest_subject(provider.name, draft.token),
        envelope: Envelope {
            id: EventId::generate(),
            source: delivery.source.to_owned(),
            event_type: draft.event_type.to_owned(),
            subject: draft.subject,
            time: delivery.received_at,
            content_type,
            dedup_key: draft.dedup_key,
            delivery_id: Some(delivery.id),
            action: draft.action,
            rejected: draft.rejected,
            replayed_from: None,
            extensions: draft.extensions,
        },
        payload: draft.payload,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_does_not_fit_leaves_a_record_that_does() {
        let draft = |len| Draft {
            token: "created",
            event_type: "c2s.lead.created",
            subject: Some("lead-1".to_owned()),
            dedup_key: "c2s:lead-1:1".to_owned(),
            action: None,
            rejected: None,
            extensions: std::collections::BTreeMap::new(),
            payload: Bytes::from(vec![b'x'; len]),
        };
        assert_eq!(fitting(draft(100), 100).rejected, None);
        let record = fitting(draft(1_000_001), 1_000_000);
        assert_eq!((record.token, record.rejected), ("rejected", Some(code::EVENT_TOO_LARGE)));
        assert_eq!(record.payload.len(), EXCERPT_BYTES);
        assert_ne!(record.dedup_key, "c2s:lead-1:1");
        assert_eq!(fitting(draft(101), 100).payload.len(), 100);
    }
}
