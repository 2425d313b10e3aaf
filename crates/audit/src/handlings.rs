//! The consumers of a stream that do not keep the ledger: what they left open, and what they have no account of.

mod unseen;

use contract::{EventId, code, header};
use store::event_handlings;

use self::unseen::Unseen;
use crate::{
    AuditError, GivenUp, Incarnation, Secondary,
    facts::{self, ConsumerFacts},
    heal::Healer,
    look::age,
};

/// Open handlings that one audit heals, at most.
const STUCK_MAX: u16 = 500;

/// How one of them stands. `booked`: up to there the ledger has every event.
pub(crate) async fn look(healer: &Healer<'_>, consumer: &str, booked: i64) -> Result<Secondary, AuditError> {
    let Some(facts) = facts::consumer(healer.bus, (healer.stream, healer.facts), consumer).await? else {
        return Ok(Secondary { consumer: consumer.to_owned(), ..Secondary::default() });
    };
    let mut connection = healer.pool.acquire().await?;
    let (open, dead) = event_handlings::open_and_dead(&mut connection, consumer).await?;
    let place = (healer.stream, healer.facts.incarnation);
    let stuck = event_handlings::stuck(&mut connection, consumer, place, facts.settled, STUCK_MAX).await?;
    drop(connection);
    let stuck = i64::try_from(stuck.len()).unwrap_or(i64::MAX);
    let unseen = Unseen::find(healer, consumer, &facts, booked).await?.count();
    Ok(Secondary { consumer: consumer.to_owned(), pending: facts.pending, open, dead, stuck, unseen })
}

/// Records what one of them will not be given again.
pub(crate) async fn heal(healer: &Healer<'_>, consumer: &str, booked: i64) -> Result<u64, AuditError> {
    let Some(facts) = facts::consumer(healer.bus, (healer.stream, healer.facts), consumer).await? else {
        return Ok(0);
    };
    let mut connection = healer.pool.acquire().await?;
    let place = (healer.stream, healer.facts.incarnation);
    let stuck = event_handlings::stuck(&mut connection, consumer, place, facts.settled, STUCK_MAX).await?;
    drop(connection);
    let mut given_up = Vec::new();
    for open in stuck.into_iter().filter(|open| age(open.started_at, healer.now) >= healer.grace) {
        if let Some(one) = given_up_by(healer, consumer, &facts, open).await? {
            given_up.push(one);
        }
    }
    let dead = healer.bury(&given_up).await?;
    Ok(dead + Unseen::find(healer, consumer, &facts, booked).await?.heal(healer).await?)
}

async fn given_up_by(
    healer: &Healer<'_>,
    consumer: &str,
    facts: &ConsumerFacts,
    open: event_handlings::Open,
) -> Result<Option<GivenUp>, AuditError> {
    let sequence = u64::try_from(open.stream_sequence).unwrap_or_default();
    let id = open.event_id.to_string();
    // The message itself says whether it is the one: positions count anew when a stream is made anew.
    let stored = healer.bus.stored(healer.stream, sequence).await?;
    let is_here = stored.is_some_and(|stored| stored.header(header::CE_ID) == Some(id.as_str()));
    if is_here && open.stream_sequence > facts.settled {
        return Ok(None);
    }
    let created = healer.facts.incarnation;
    let incarnation = if is_here { Incarnation::Current(created) } else { Incarnation::Before(created) };
    let (code, error) = if is_here {
        (code::ATTEMPTS_EXHAUSTED, "the broker gave up without a word of the consumer")
    } else {
        (code::MESSAGE_LOST, "the stream lost it before it was done")
    };
    Ok(Some(GivenUp {
        provider: healer.provider,
        stream: healer.stream.to_owned(),
        consumer: consumer.to_owned(),
        sequence,
        event_id: Some(EventId(open.event_id)),
        incarnation,
        attempts: u64::try_from(open.attempts).unwrap_or_default(),
        code: code.as_str().to_owned(),
        error: error.to_owned(),
    }))
}
