//! What is, or was, kept of a person, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use store::redaction::Column;

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
    /// Bodies too large for a message, in the object store.
    pub claimed_bodies: u64,
    /// Errors' texts, hooks' answers and beginnings of queries of their events.
    pub texts: u64,
    /// Rows that hold the CPF or a contact in this column, be they theirs or not.
    pub columns: BTreeMap<String, u64>,
    /// Rows that hold it still, by column: without it they would be equal to others.
    pub kept: BTreeMap<String, u64>,
    /// Messages that hold a contact of theirs and nothing else, and are not handled yet: they stay.
    pub waiting_messages: u64,
    /// Contacts of theirs that leads of other people name, too: they stay.
    pub shared_contacts: u64,
    /// Look-ups that no key of ours opens: the contacts in them are not known.
    pub unreadable_look_ups: u64,
    /// What lies on leads at Contact2Sale, for somebody to remove there: lead, and messages of ours.
    pub at_contact2sale: Vec<(String, i64)>,
    /// Hooks that were told of their events.
    pub told_hooks: Vec<String>,
}

impl Report {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.rows().iter().all(|(_, count)| *count == 0)
    }

    /// Every place that can be emptied, with its count.
    pub fn rows(&self) -> Vec<(String, u64)> {
        let places = [
            ("people", self.people),
            ("leads", self.leads),
            ("lead_enrichments", self.lead_enrichments),
            ("lead_messages", self.lead_messages),
            ("webhook_events", self.webhook_events),
            ("dead_letters", self.dead_letters),
            ("replay_edits", self.replay_edits),
            ("messages on streams", self.stream_messages),
            ("bodies in the object store", self.claimed_bodies),
            ("errors, answers, summaries", self.texts),
        ];
        let places = places.into_iter().map(|(place, count)| (place.to_owned(), count));
        places.chain(self.columns.iter().map(|(column, count)| (column.clone(), *count))).collect()
    }

    /// What is not ours to remove, for people.
    pub fn elsewhere(&self) -> Vec<String> {
        let mut elsewhere: Vec<String> = self
            .at_contact2sale
            .iter()
            .map(|(lead, messages)| {
                format!("Contact2Sale has lead {lead} with {messages} messages of ours: remove it there, or it comes again")
            })
            .collect();
        if self.people + self.lead_enrichments > 0 {
            elsewhere.push(
                "the look-up services (Work API, Diretrix) keep what they know, and that we asked".to_owned(),
            );
        }
        for hook in &self.told_hooks {
            elsewhere.push(format!("hook {hook} was told: ask its owner"));
        }
        elsewhere.push(
            "backups and replicas of PostgreSQL and of the broker's files, and log and trace stores, are not reached"
                .to_owned(),
        );
        elsewhere
    }

    /// Notes rows of a column that hold it.
    pub(crate) fn note(&mut self, column: &Column, rows: u64) {
        if rows > 0 {
            *self.columns.entry(column.place()).or_default() += rows;
        }
    }
}
