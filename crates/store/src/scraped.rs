//! What the tables of scraped records have in common.

use std::collections::BTreeMap;

use contract::EventId;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::text::storable;

/// Where a record comes from.
#[derive(Debug, Clone)]
pub struct Provenance<'a> {
    /// Job that brought it.
    pub snapshot_id: Option<&'a str>,
    /// When it was collected; decides which record of a thing is the newest.
    pub collected_at: OffsetDateTime,
    /// Ledger row of the part that brought it.
    pub event_id: EventId,
    /// When that reached the edge.
    pub received_at: OffsetDateTime,
    /// Its exact bytes.
    pub raw: &'a [u8],
    /// The provider's warning, in one word.
    pub warning_code: Option<String>,
    /// The provider's warning.
    pub warning: Option<String>,
    /// Fields whose value cannot be, and was not stored.
    pub refused_fields: Vec<String>,
}

impl Provenance<'_> {
    /// Of two records of one thing the later one holds. Of two with one instant it is the one whose bytes sort higher:
    /// an arbitrary choice, but the same in whatever order they come.
    fn is_older_than(&self, other: &Self) -> bool {
        (self.collected_at, self.raw) < (other.collected_at, other.raw)
    }
}

/// A picture or film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is, in a lower-case word.
    pub kind: String,
    /// Where it is.
    pub url: String,
}

/// How often one reaction was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The platform's word for it.
    pub kind: String,
    /// How often.
    pub count: Option<i64>,
}

/// The newest record of each key: one statement must not touch a row twice. In the order of keys, so that two
/// transactions with the same keys wait for each other instead of deadlocking.
pub(crate) fn newest_of_each<'a, 'b, Record, Key: Ord>(
    records: &'a [Record],
    key: impl Fn(&'a Record) -> Key,
    provenance: impl Fn(&'a Record) -> &'a Provenance<'b>,
) -> Vec<&'a Record>
where
    'b: 'a,
{
    let mut newest: BTreeMap<Key, &Record> = BTreeMap::new();
    for record in records {
        newest
            .entry(key(record))
            .and_modify(|kept| {
                if provenance(kept).is_older_than(provenance(record)) {
                    *kept = record;
                }
            })
            .or_insert(record);
    }
    newest.into_values().collect()
}

/// A list of texts as `jsonb`, which cannot hold NUL either; none if it is empty.
pub(crate) fn json_texts(texts: &[String]) -> Option<Value> {
    list(texts, |text| json!(storable(text)))
}

pub(crate) fn json_media(media: &[Media]) -> Option<Value> {
    list(media, |media| json!({"type": storable(&media.kind), "url": storable(&media.url)}))
}

pub(crate) fn json_reactions(reactions: &[Reaction]) -> Option<Value> {
    list(reactions, |reaction| json!({"type": storable(&reaction.kind), "count": reaction.count}))
}

fn list<T>(items: &[T], json: impl FnMut(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(json).collect())
}
