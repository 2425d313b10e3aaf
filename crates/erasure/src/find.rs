//! Where a person is.

mod rows;
mod streams;

use std::collections::BTreeSet;

use bus::Stored;
use people::{Cpf, mentions_in_json};
use store::{
    hook_deliveries, lead_enrichments, lead_messages, leads, people as cache, redaction, webhook_events,
};
use uuid::Uuid;

use self::streams::Theirs;
use crate::{
    Erasure, Report,
    contacts::Contacts,
    pattern::{Finder, Patterns},
};

/// Bytes of a claimed body that are searched, at most; the largest that is put is smaller.
const CLAIM_MAX_BYTES: usize = 128 * 1024 * 1024;

/// Where a person is: what an erasure removes.
#[derive(Debug)]
pub struct Traces {
    pub(crate) lead_ids: Vec<String>,
    pub(crate) event_ids: Vec<Uuid>,
    pub(crate) dead_letter_ids: Vec<Uuid>,
    pub(crate) edited_ids: Vec<Uuid>,
    pub(crate) messages: Vec<Stored>,
    pub(crate) claims: Vec<String>,
    pub(crate) patterns: Patterns,
    /// The same, counted.
    pub report: Report,
}

pub(crate) async fn find(erasure: &Erasure, cpf: &Cpf) -> anyhow::Result<Traces> {
    let mut connection = erasure.pool.acquire().await?;
    let indexes = erasure.index.all_of_cpf(cpf);
    let mut leads: BTreeSet<String> =
        lead_enrichments::leads_of(&mut connection, &indexes).await?.into_iter().collect();
    leads.extend(leads::naming(&mut connection, &Patterns::of_cpf(cpf)).await?);
    let mut events = rows::in_ledger(&mut connection, cpf, &mut leads).await?;
    let mut claims: BTreeSet<String> = in_claims(erasure, |body| mentions_in_json(body, cpf)).await?;
    let mut messages =
        streams::of_person(erasure, Theirs { cpf, claims: &claims, leads: &mut leads }).await?;
    let lead_ids: Vec<String> = leads.into_iter().collect();
    events.extend(webhook_events::of_leads(&mut connection, &lead_ids).await?);
    let (dead_letter_ids, of_dead) = rows::in_dead_letters(&mut connection, cpf, &events, &lead_ids).await?;
    events.extend(of_dead);
    let edited_ids = rows::edited(&mut connection, cpf, &events).await?;
    let event_ids: Vec<Uuid> = events.into_iter().collect();
    messages.extend(streams::at_positions(erasure, &mut connection, &event_ids, &messages).await?);

    let mut contacts = Contacts::gather(erasure, &mut connection, &indexes, &lead_ids, &event_ids).await?;
    for stored in messages.values() {
        contacts.add_lead(&stored.payload);
    }
    let contacts = contacts.without_shared(&mut connection, &indexes).await?;
    let (phones, emails) = (contacts.phones(), contacts.emails());
    let finder = Finder::new(&phones, &emails)?;
    let named = if finder.is_empty() {
        BTreeSet::new()
    } else {
        in_claims(erasure, |body| finder.is_in(body)).await?
    };
    let settled = streams::of_contacts(erasure, &finder, &named, &messages).await?;
    claims.extend(named.difference(&settled.claims_waiting).cloned());
    messages.extend(settled.messages);

    let token = format!("[erased {}]", Uuid::now_v7().simple().to_string().get(24..).unwrap_or_default());
    let patterns = Patterns::new(cpf, &phones, &emails, token);
    let mut report = Report {
        people: count(cache::count(&mut connection, &indexes).await?),
        leads: count(leads::count(&mut connection, &lead_ids).await?),
        lead_enrichments: count(lead_enrichments::count_of_leads(&mut connection, &lead_ids).await?),
        lead_messages: count(lead_messages::count_texts(&mut connection, &lead_ids).await?),
        webhook_events: event_ids.len() as u64,
        dead_letters: dead_letter_ids.len() as u64,
        replay_edits: edited_ids.len() as u64,
        stream_messages: messages.len() as u64,
        claimed_bodies: claims.len() as u64,
        waiting_messages: settled.waiting,
        shared_contacts: contacts.shared,
        unreadable_look_ups: contacts.unreadable,
        at_contact2sale: lead_messages::on_leads(&mut connection, &lead_ids).await?,
        told_hooks: hook_deliveries::told(&mut connection, &event_ids).await?,
        ..Report::default()
    };
    for column in redaction::columns(&mut connection).await? {
        let rows = redaction::count(&mut connection, &column, &patterns.marks()).await?;
        report.note(&column, rows);
    }
    Ok(Traces {
        lead_ids,
        event_ids,
        dead_letter_ids,
        edited_ids,
        messages: messages.into_values().collect(),
        claims: claims.into_iter().collect(),
        patterns,
        report,
    })
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

/// Names of the claimed bodies that somebody is in.
async fn in_claims(erasure: &Erasure, is_in: impl Fn(&[u8]) -> bool) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for name in erasure.claims.names().await? {
        // One that expired or is damaged has nothing to tell.
        if let Ok(body) = erasure.claims.get(&name, CLAIM_MAX_BYTES).await
            && is_in(&body)
        {
            found.insert(name);
        }
    }
    Ok(found)
}
