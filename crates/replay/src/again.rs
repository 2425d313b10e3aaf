//! The event as it is published again: under an id and a key of its own, linked to the original.

use bytes::Bytes;
use contract::{EventId, Replay, replay, stream};
use store::replays::{Edit, Item, Job, Refusal};

use crate::{
    Original, edit,
    original::{extensions, refusal},
};

/// What `item` of `job` publishes.
pub(crate) fn again(
    job: &Job,
    item: &Item,
    original: Original,
    edit: Option<Edit>,
) -> Result<bus::Event, Refusal> {
    if let (Some(code), None) = (original.envelope.rejected, &edit) {
        return Err(refusal("rejected", format!("the edge refused it ({code})")));
    }
    let consumer = item.consumer.as_deref();
    let token =
        edit.as_ref().map_or_else(|| original.token.clone(), |edit| edit::token(&original, &edit.event_type));
    let Original { mut envelope, mut payload, provider, stream, .. } = original;
    envelope.dedup_key =
        replay::dedup_key(&envelope.dedup_key, envelope.replayed_from.is_some(), job.id, consumer);
    envelope.id = EventId(item.replay_id);
    envelope.replayed_from = Some(Replay {
        event: EventId(item.event_id),
        root: EventId(item.root_id),
        job: Some(job.id),
        force_effects: job.force_effects,
    });
    envelope.rejected = None;
    if let Some(edit) = edit {
        envelope.event_type = edit.event_type;
        envelope.subject = edit.subject;
        envelope.action = edit.hook_action;
        if edit.extensions.is_some() {
            envelope.extensions = extensions(edit.extensions.as_ref());
        }
        payload = Bytes::from(edit.body);
    }
    let subject = match consumer {
        None => stream::ingest_subject(provider, &token),
        Some(consumer) => stream::replay_subject(provider, consumer, &token),
    };
    Ok(bus::Event { stream, subject, envelope, payload })
}
