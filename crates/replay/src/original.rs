//! What is to be published again: from the dead letters, else from the ledger, else from the stream itself.

use std::collections::{BTreeMap, HashMap};

use bus::{Bus, NoAnswer};
use bytes::Bytes;
use contract::{Envelope, EventId, Replay, header, stream};
use opentelemetry::Context;
use serde_json::Value;
use sqlx::PgConnection;
use store::replays::{Ledgered, Lettered, Refusal, ledgered, lettered};
use telemetry::propagation;
use uuid::Uuid;

/// An event as it was published.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its envelope.
    pub envelope: Envelope,
    /// The message's own bytes.
    pub payload: Bytes,
    /// The body that the message only names, if it was kept beside it.
    pub claimed: Option<Bytes>,
    /// Its provider.
    pub provider: &'static str,
    /// Its stream.
    pub stream: &'static str,
    /// The subject's word for what happened.
    pub token: String,
    /// The trace that it was handled in.
    pub trace: Context,
}

/// Why nothing could be loaded now.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error("cannot read the events")]
    Database(#[from] sqlx::Error),
    /// The broker did not answer.
    #[error("cannot read the stream")]
    Broker(#[from] NoAnswer),
}

/// Loads events, each for the consumer that it is meant for, in their order. Without `bus` the streams are not asked.
///
/// # Errors
/// See [`LoadError`]. What cannot be had of a single event is that event's [`Refusal`].
pub async fn load(
    connection: &mut PgConnection,
    bus: Option<&Bus>,
    wanted: &[(Uuid, Option<&str>)],
) -> Result<Vec<Result<Original, Refusal>>, LoadError> {
    let ids: Vec<_> = wanted.iter().map(|(id, _)| *id).collect();
    let mut letters: HashMap<Uuid, Vec<Lettered>> = HashMap::new();
    for letter in lettered(connection, &ids).await? {
        letters.entry(letter.event_id).or_default().push(letter);
    }
    let rows = ledgered(connection, &ids).await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut loaded = Vec::with_capacity(wanted.len());
    for (id, consumer) in wanted {
        let mut own = letters.remove(id).unwrap_or_default();
        // That of the consumer it is meant for first, then the newest.
        own.sort_by_key(|letter| Some(letter.consumer.as_str()) == *consumer);
        loaded.push(one(bus, own, rows.remove(id)).await?);
    }
    Ok(loaded)
}

async fn one(
    bus: Option<&Bus>,
    letters: Vec<Lettered>,
    row: Option<Ledgered>,
) -> Result<Result<Original, Refusal>, LoadError> {
    if row.as_ref().is_some_and(|row| row.is_erased) {
        return Ok(Err(refusal("erased", "its body was removed: erased for a person, or by retention")));
    }
    if let Some(whole) = letters.iter().rev().find_map(of_letter) {
        return Ok(Ok(whole));
    }
    if let Some(row) = row {
        return Ok(of_row(row));
    }
    let Some(bus) = bus else { return Ok(Err(gone())) };
    for letter in letters.iter().rev() {
        let sequence = u64::try_from(letter.stream_sequence).unwrap_or(0);
        let Some(stored) = bus.stored(&letter.stream, sequence).await? else { continue };
        let headers: Vec<_> = stored.headers.clone();
        let found = of_headers(&headers, stored.payload.clone(), &stored.stream, &stored.subject, None);
        // A stream that was made anew counts from one again.
        let is_it = |found: &Original| {
            found.envelope.id.0 == letter.event_id || found.envelope.dedup_key == letter.dedup_key
        };
        if let Some(found) = found.filter(is_it) {
            return Ok(Ok(found));
        }
    }
    Ok(Err(gone()))
}

fn of_letter(letter: &Lettered) -> Option<Original> {
    let headers: Vec<(String, String)> = serde_json::from_value(letter.headers.clone()?).ok()?;
    let body = Bytes::from(letter.body.clone()?);
    let (stream, subject) = (&letter.stream, &letter.stream_subject);
    let mut original = of_headers(&headers, body, stream, subject, letter.trace_id.as_deref())?;
    // Of a message that only named its body, the body was kept.
    if original.envelope.extensions.contains_key("claim") {
        original.claimed = Some(std::mem::take(&mut original.payload));
    }
    Some(original)
}

fn of_headers(
    headers: &[(String, String)],
    payload: Bytes,
    stream: &str,
    subject: &str,
    trace_id: Option<&str>,
) -> Option<Original> {
    let get = |name: &str| {
        headers.iter().find(|(found, _)| found.as_str() == name).map(|(_, value)| value.as_str())
    };
    let (provider, stream) = stream::of_name(stream)?;
    Some(Original {
        envelope: Envelope::parse(get).ok()?,
        payload,
        claimed: None,
        provider,
        stream,
        token: stream::token_of(subject).to_owned(),
        trace: propagation::from_text(get(header::TRACEPARENT), trace_id),
    })
}

fn of_row(row: Ledgered) -> Result<Original, Refusal> {
    let Some((provider, stream)) = stream::of_name(&row.stream) else {
        return Err(refusal("unknown_stream", "its stream is none of providers' events"));
    };
    let envelope = Envelope {
        id: EventId(row.id),
        source: row.source,
        event_type: row.event_type,
        subject: row.subject,
        time: row.received_at,
        content_type: row.content_type,
        dedup_key: row.dedup_key,
        delivery_id: row.delivery_id,
        action: row.hook_action,
        rejected: None,
        replayed_from: row.replayed_from.map(|id| Replay::from(EventId(id))),
        extensions: extensions(row.extensions.as_ref()),
    };
    Ok(Original {
        envelope,
        payload: Bytes::from(row.body),
        claimed: None,
        provider,
        stream,
        token: stream::token_of(&row.stream_subject).to_owned(),
        trace: propagation::from_text(None, row.trace_id.as_deref()),
    })
}

/// The extension attributes of an object that travel.
pub(crate) fn extensions(object: Option<&Value>) -> BTreeMap<&'static str, String> {
    let value = |name| object?.get(name)?.as_str().map(str::to_owned);
    header::EXTENSIONS.iter().filter_map(|(name, _)| Some((*name, value(name)?))).collect()
}

pub(crate) fn refusal(code: &'static str, error: impl Into<String>) -> Refusal {
    Refusal { code, error: error.into() }
}

fn gone() -> Refusal {
    refusal("body_gone", "neither the dead letters nor the ledger nor the stream has its body (any more)")
}
