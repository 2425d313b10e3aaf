//! A person in messages on streams.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Stored, Topology};
use contract::{header, stream};
use people::{Cpf, mentions, mentions_in_json};
use sqlx::PgConnection;
use store::webhook_events;
use uuid::Uuid;

use crate::{Erasure, pattern::Finder};

/// Messages by stream and sequence.
pub(super) type Messages = BTreeMap<(String, u64), Stored>;

/// What makes a message a person's.
pub(super) struct Theirs<'a> {
    pub(super) cpf: &'a Cpf,
    /// Claimed bodies that name the CPF.
    pub(super) claims: &'a BTreeSet<String>,
    /// Leads that are theirs; those that a message shows to be are added.
    pub(super) leads: &'a mut BTreeSet<String>,
}

/// Messages that hold a contact, and nothing else of a person.
#[derive(Default)]
pub(super) struct OfContacts {
    /// Those that every consumer is done with.
    pub(super) messages: Messages,
    /// How many are not: they may be somebody else's, too, and are not taken away unhandled.
    pub(super) waiting: u64,
    /// Claimed bodies that these name.
    pub(super) claims_waiting: BTreeSet<String>,
}

/// Messages that name the CPF, or are about leads that are theirs.
pub(super) async fn of_person(erasure: &Erasure, mut theirs: Theirs<'_>) -> anyhow::Result<Messages> {
    let mut found = scan(erasure, &mut theirs).await?;
    // A message may have led to a lead whose other messages were passed by then.
    let again = scan(erasure, &mut theirs).await?;
    for (at, stored) in again {
        found.entry(at).or_insert(stored);
    }
    Ok(found)
}

async fn scan(erasure: &Erasure, theirs: &mut Theirs<'_>) -> anyhow::Result<Messages> {
    let mut found = Messages::new();
    for name in names() {
        let visit = |stored: Stored| {
            let envelope = stored.envelope();
            let lead = (name == stream::c2s::STREAM).then_some(envelope.subject).flatten();
            let is_theirs = lead.as_ref().is_some_and(|lead| theirs.leads.contains(lead))
                || envelope.extensions.get("claim").is_some_and(|claim| theirs.claims.contains(claim))
                || mentions_in_json(&stored.payload, theirs.cpf)
                || stored.headers.iter().any(|(_, value)| mentions(value, theirs.cpf));
            if is_theirs {
                theirs.leads.extend(lead);
                found.insert((stored.stream.clone(), stored.sequence), stored);
            }
        };
        erasure.bus.scan(&name, visit).await?;
    }
    Ok(found)
}

/// Messages at the positions of these events, which need not say whose they are.
pub(super) async fn at_positions(
    erasure: &Erasure,
    connection: &mut PgConnection,
    event_ids: &[Uuid],
    known: &Messages,
) -> anyhow::Result<Messages> {
    let mut found = Messages::new();
    for (stream, sequence) in webhook_events::positions(connection, event_ids).await? {
        if !known.contains_key(&(stream.clone(), sequence))
            && let Some(stored) = erasure.bus.stored(&stream, sequence).await?
            && stored.header(header::CE_ID).is_some_and(|id| is_one_of(id, event_ids))
        {
            found.insert((stream, sequence), stored);
        }
    }
    Ok(found)
}

fn is_one_of(id: &str, ids: &[Uuid]) -> bool {
    id.parse::<Uuid>().is_ok_and(|id| ids.contains(&id))
}

/// Messages that hold a contact, in themselves or in the claimed body that they name. `known` are left out.
pub(super) async fn of_contacts(
    erasure: &Erasure,
    finder: &Finder,
    claims: &BTreeSet<String>,
    known: &Messages,
) -> anyhow::Result<OfContacts> {
    let mut found = OfContacts::default();
    if finder.is_empty() {
        return Ok(found);
    }
    for name in names() {
        let settled = settled(erasure, &name).await?;
        let visit = |stored: Stored| {
            let at = (stored.stream.clone(), stored.sequence);
            let claim =
                stored.envelope().extensions.get("claim").filter(|claim| claims.contains(*claim)).cloned();
            let is_theirs = claim.is_some()
                || finder.is_in(&stored.payload)
                || stored.headers.iter().any(|(_, value)| finder.is_in(value.as_bytes()));
            if !is_theirs || known.contains_key(&at) {
                return;
            }
            if stored.sequence <= settled {
                found.messages.insert(at, stored);
            } else {
                found.waiting += 1;
                found.claims_waiting.extend(claim);
            }
        };
        erasure.bus.scan(&name, visit).await?;
    }
    Ok(found)
}

/// Up to here every consumer of a stream is done.
async fn settled(erasure: &Erasure, name: &str) -> anyhow::Result<u64> {
    let topology = Topology::embedded();
    let mut settled = u64::MAX;
    for (consumer, _) in topology.consumers.iter().filter(|(_, spec)| spec.stream == name) {
        let state = topology.consumer_state(&erasure.bus, consumer).await?;
        settled = settled.min(state.map_or(0, |state| state.settled_sequence));
    }
    Ok(settled)
}

/// Streams that can hold a person: advisories tell of positions alone.
fn names() -> Vec<String> {
    let streams = Topology::embedded().streams;
    streams.into_keys().filter(|name| name != stream::ADVISORIES).collect()
}
