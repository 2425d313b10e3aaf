//! Events that a secondary consumer has settled, and never entered in its account: acknowledged by somebody else in its
//! name, or given up by the broker before it said a word, and the advisory was lost.

use contract::{EventId, code};
use store::{consumer_accounts, event_handlings};

use crate::{AuditError, GivenUp, Incarnation, facts::ConsumerFacts, heal::Healer, look::age};

/// Events that are looked at in one go.
const UNSEEN_MAX: u16 = 500;

/// The first of them, above what was compared before.
pub(super) struct Unseen {
    consumer: String,
    /// Their messages are on the stream.
    events: Vec<event_handlings::Unseen>,
    /// Up to here everything was looked at.
    until: i64,
}

impl Unseen {
    /// Compares from where the last comparison ended up to where both the consumer has settled and the ledger, which is
    /// complete up to `booked`, says what there was. A consumer that is seen for the first time begins there: what it
    /// did before may have been removed since.
    pub(super) async fn find(
        healer: &Healer<'_>,
        consumer: &str,
        facts: &ConsumerFacts,
        booked: i64,
    ) -> Result<Self, AuditError> {
        let place = (healer.stream, healer.facts.incarnation);
        let until = facts.settled.min(booked);
        let mut unseen = Self { consumer: consumer.to_owned(), events: Vec::new(), until };
        let mut connection = healer.pool.acquire().await?;
        let Some(after) = consumer_accounts::settled(&mut connection, place, consumer).await? else {
            return Ok(unseen);
        };
        // What the stream has no more is nobody's to handle; while it waited, its end was told.
        let after = after.max(healer.facts.first - 1);
        if after >= until {
            return Ok(unseen);
        }
        let range = (after, until);
        let found = event_handlings::unseen(&mut connection, place, consumer, range, UNSEEN_MAX).await?;
        drop(connection);
        if let (Some(last), true) = (found.last(), found.len() == usize::from(UNSEEN_MAX)) {
            unseen.until = last.stream_sequence;
        }
        for event in found.into_iter().filter(|event| facts.reads(&event.stream_subject)) {
            let sequence = u64::try_from(event.stream_sequence).unwrap_or_default();
            let stored = healer.bus.stored(healer.stream, sequence).await?;
            if stored.is_some_and(|stored| stored.envelope().id.0 == event.event_id) {
                unseen.events.push(event);
            }
        }
        Ok(unseen)
    }

    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    /// Records those that are old enough as dead letters of the consumer, and moves on to the first that is not.
    pub(super) async fn heal(self, healer: &Healer<'_>) -> Result<u64, AuditError> {
        let is_young = |event: &event_handlings::Unseen| age(event.received_at, healer.now) < healer.grace;
        let young = self.events.iter().position(is_young);
        let until = young
            .and_then(|young| self.events.get(young))
            .map_or(self.until, |event| event.stream_sequence - 1);
        let old = self.events.get(..young.unwrap_or(self.events.len())).unwrap_or_default();
        let given_up: Vec<_> = old.iter().map(|event| self.given_up(healer, event)).collect();
        let dead = healer.bury(&given_up).await?;
        let place = (healer.stream, healer.facts.incarnation);
        let mut connection = healer.pool.acquire().await?;
        consumer_accounts::advance(&mut connection, place, &self.consumer, until, healer.now).await?;
        Ok(dead)
    }

    fn given_up(&self, healer: &Healer<'_>, event: &event_handlings::Unseen) -> GivenUp {
        GivenUp {
            provider: healer.provider,
            stream: healer.stream.to_owned(),
            consumer: self.consumer.clone(),
            sequence: u64::try_from(event.stream_sequence).unwrap_or_default(),
            event_id: Some(EventId(event.event_id)),
            incarnation: Incarnation::Current(healer.facts.incarnation),
            attempts: 0,
            code: code::ATTEMPTS_EXHAUSTED.as_str().to_owned(),
            error: "the broker gave up, and the consumer never said a word".to_owned(),
        }
    }
}
