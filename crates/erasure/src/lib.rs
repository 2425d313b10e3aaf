//! Removes a person from tables, dead letters and streams, by the CPF.
//!
//! A person is in what names the CPF, in any spelling, and in everything about a lead that names it or was found to be
//! theirs. Rows stay where books are kept, with a tombstone for a body, and every message that is removed from a stream
//! before all its consumers were done with it is entered as dead, so that an audit still balances. Proved by
//! `a_person_is_gone_from_every_place_and_the_books_balance`.
//!
//! Run twice it finds nothing the second time; cut off, it is finished by running it again: what leads to a person is
//! removed last. The CPF is in no error and no report.
//!
//! Not reached: what others hold (messages on leads at Contact2Sale are counted, so that somebody can remove them there),
//! objects of large bodies until they expire, backups, and pages of PostgreSQL until they are vacuumed.

mod find;
mod remove;

use bus::Bus;
use people::{BlindIndex, Cpf};
use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;

pub use find::Traces;

/// Finds and removes people.
#[derive(Debug)]
pub struct Erasure {
    bus: Bus,
    pool: PgPool,
    index: BlindIndex,
}

/// What is, or was, kept of a person, counted by place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Look-ups in the cache.
    pub people: u64,
    /// Leads that are theirs.
    pub leads: u64,
    /// What was done to enrich these.
    pub lead_enrichments: u64,
    /// Texts of messages to these.
    pub lead_messages: u64,
    /// Bodies in the ledger.
    pub webhook_events: u64,
    /// Bodies in the dead letters.
    pub dead_letters: u64,
    /// Bodies that were edited for a replay.
    pub replay_edits: u64,
    /// Messages on streams.
    pub stream_messages: u64,
    /// Of these, messages that not every consumer was done with.
    pub unhandled_messages: u64,
    /// What lies on leads at Contact2Sale, for somebody to remove there: lead, and messages of ours.
    pub at_contact2sale: Vec<(String, i64)>,
}

impl Report {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        let Self { at_contact2sale: _, .. } = self;
        [
            self.people,
            self.leads,
            self.lead_enrichments,
            self.lead_messages,
            self.webhook_events,
            self.dead_letters,
            self.replay_edits,
            self.stream_messages,
        ]
        .iter()
        .all(|count| *count == 0)
    }
}

impl Erasure {
    /// The erasure from these.
    pub fn new(bus: Bus, pool: PgPool, index: BlindIndex) -> Self {
        Self { bus, pool, index }
    }

    /// What is kept of a person. Reads everything, and changes nothing.
    ///
    /// # Errors
    /// The database or the broker did not answer.
    pub async fn find(&self, cpf: &Cpf) -> anyhow::Result<Traces> {
        find::find(self, cpf).await
    }

    /// Removes what was found, and keeps a fingerprint of the CPF, so that nobody looks the person up again.
    ///
    /// # Errors
    /// The database or the broker did not answer; what was removed by then is.
    pub async fn erase(&self, cpf: &Cpf, traces: &Traces, now: OffsetDateTime) -> anyhow::Result<Report> {
        remove::remove(self, cpf, traces, now).await
    }
}
