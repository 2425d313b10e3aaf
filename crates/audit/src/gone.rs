//! Making sure that a message which was not found is gone. The server has one answer for "deleted" and "cannot be read
//! now", which it gives while it starts and stops, too; only what the stream itself counts tells them apart.

use std::collections::BTreeSet;

use async_nats::jetstream::stream::Info;
use bus::Bus;
use store::webhook_events::Gap;
use time::OffsetDateTime;

use crate::{
    AuditError,
    facts::{self, StreamFacts, microseconds, signed},
};

/// Deleted positions that are asked for one by one. Of more the number alone has to do.
const DELETED_MAX: u64 = 50_000;

/// Confirms a look: the stream is still the one of `facts`, has not gone back since, and counts what is `missing` as
/// deleted. Gives the stream as it is now. Proved by `a_stream_that_goes_back_during_an_audit_is_no_loss`.
pub(crate) async fn confirm(
    bus: &Bus,
    (stream, facts): (&str, StreamFacts),
    missing: &[Gap],
) -> Result<StreamFacts, AuditError> {
    let unsure = |why: String| AuditError::unsure(stream, why);
    let Some(info) = facts::info(bus, stream).await? else {
        return Err(unsure("it is not there any more".to_owned()));
    };
    let now = StreamFacts::of(&info);
    if now.incarnation != facts.incarnation {
        return Err(unsure("it was made anew meanwhile".to_owned()));
    }
    if now.last < facts.last {
        return Err(unsure(format!("it ended at {} a moment ago, and ends at {} now", facts.last, now.last)));
    }
    unread(bus, stream, &info, missing).await?;
    Ok(now)
}

/// Confirms that messages of a stream made at `created` are gone: deleted, or the stream with them.
pub(crate) async fn confirm_each(
    bus: &Bus,
    (stream, created): (&str, OffsetDateTime),
    missing: &[Gap],
) -> Result<(), AuditError> {
    let Some(info) = facts::info(bus, stream).await? else {
        return Err(AuditError::unsure(stream, "it was there a moment ago"));
    };
    if microseconds(info.created) != microseconds(created) {
        return Ok(());
    }
    unread(bus, stream, &info, missing).await
}

/// Fails for a message that is not counted as deleted.
async fn unread(bus: &Bus, stream: &str, info: &Info, missing: &[Gap]) -> Result<(), AuditError> {
    let facts = StreamFacts::of(info);
    let inside: Vec<Gap> = missing
        .iter()
        .map(|gap| Gap { first: gap.first.max(facts.first), last: gap.last.min(facts.last) })
        .filter(|gap| !gap.is_empty())
        .collect();
    if inside.is_empty() {
        return Ok(());
    }
    let deleted = info.state.deleted_count.unwrap_or_default();
    let unreadable = if deleted > DELETED_MAX {
        let count: i64 = inside.iter().map(Gap::len).sum();
        inside.first().filter(|_| count > signed(deleted)).map(|gap| gap.first)
    } else {
        let deleted = deleted_of(bus, stream).await?;
        inside.iter().flat_map(|gap| gap.first..=gap.last).find(|sequence| !deleted.contains(sequence))
    };
    match unreadable {
        None => Ok(()),
        Some(sequence) => {
            let why = format!("message {sequence} cannot be read, and does not count as deleted");
            Err(AuditError::unsure(stream, why))
        }
    }
}

/// The positions that are deleted between others.
async fn deleted_of(bus: &Bus, stream: &str) -> Result<BTreeSet<i64>, AuditError> {
    let about = || format!("what is deleted of stream {stream}");
    let handle = bus.jetstream().get_stream_no_info(stream).await;
    let handle = handle.map_err(|error| AuditError::broker(about(), error))?;
    let answer = handle.info_builder().with_deleted(true).fetch().await;
    let answer = answer.map_err(|error| AuditError::broker(about(), error))?;
    Ok(answer.info.state.deleted.unwrap_or_default().into_iter().map(signed).collect())
}
