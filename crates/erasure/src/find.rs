//! Where a person is.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Stored, Topology};
use contract::{header, stream};
use people::{Cpf, mentions, mentions_in_json};
use sqlx::PgConnection;
use store::{dead_letters, lead_enrichments, lead_messages, replays, webhook_events};
use uuid::Uuid;

use crate::{Erasure, Report};

/// Rows that are read at one time.
const PAGE: i64 = 500;

/// Where a person is: what an erasure removes.
#[derive(Debug, Default)]
pub struct Traces {
    pub(crate) lead_ids: Vec<String>,
    pub(crate) event_ids: Vec<Uuid>,
    pub(crate) dead_letter_ids: Vec<Uuid>,
    pub(crate) edited_ids: Vec<Uuid>,
    pub(crate) messages: Vec<Stored>,
    /// The same, counted.
    pub report: Report,
}

pub(crate) async fn find(erasure: &Erasure, cpf: &Cpf) -> anyhow::Result<Traces> {
    let mut connection = erasure.pool.acquire().await?;
    let indexes = erasure.index.all_of_cpf(cpf);
    let mut leads: BTreeSet<String> =
        lead_enrichments::leads_of(&mut connection, &indexes).await?.into_iter().collect();
    let mut events = in_ledger(&mut connection, cpf, &mut leads).await?;
    let mut messages = on_streams(erasure, cpf, &mut leads).await?;
    // A message may have led to a lead whose other messages were passed by then.
    let known: BTreeSet<_> = messages.keys().cloned().collect();
    messages.extend(
        on_streams(erasure, cpf, &mut leads).await?.into_iter().filter(|(at, _)| !known.contains(at)),
    );
    let lead_ids: Vec<String> = leads.into_iter().collect();
    events.extend(webhook_events::of_leads(&mut connection, &lead_ids).await?);
    let (dead_letter_ids, of_dead) = in_dead_letters(&mut connection, cpf, &events, &lead_ids).await?;
    events.extend(of_dead);
    let edited_ids = edited(&mut connection, cpf, &events).await?;
    let event_ids: Vec<Uuid> = events.into_iter().collect();
    // A position of the ledger's may hold a message that does not say whose it is.
    for (stream, sequence) in webhook_events::positions(&mut connection, &event_ids).await? {
        if !messages.contains_key(&(stream.clone(), sequence))
            && let Some(stored) = erasure.bus.stored(&stream, sequence).await?
            && stored.header(header::CE_ID).is_some_and(|id| is_one_of(id, &event_ids))
        {
            messages.insert((stream, sequence), stored);
        }
    }
    let report = Report {
        people: count(store::people::count(&mut connection, &indexes).await?),
        leads: count(store::leads::count(&mut connection, &lead_ids).await?),
        lead_enrichments: count(lead_enrichments::count_of_leads(&mut connection, &lead_ids).await?),
        lead_messages: count(lead_messages::count_texts(&mut connection, &lead_ids).await?),
        webhook_events: event_ids.len() as u64,
        dead_letters: dead_letter_ids.len() as u64,
        replay_edits: edited_ids.len() as u64,
        stream_messages: messages.len() as u64,
        unhandled_messages: 0,
        at_contact2sale: lead_messages::on_leads(&mut connection, &lead_ids).await?,
    };
    let messages = messages.into_values().collect();
    Ok(Traces { lead_ids, event_ids, dead_letter_ids, edited_ids, messages, report })
}

fn is_one_of(id: &str, ids: &[Uuid]) -> bool {
    id.parse::<Uuid>().is_ok_and(|id| ids.contains(&id))
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

/// Events whose bodies name the CPF, and the leads that they are about.
async fn in_ledger(
    connection: &mut PgConnection,
    cpf: &Cpf,
    leads: &mut BTreeSet<String>,
) -> sqlx::Result<BTreeSet<Uuid>> {
    let (mut found, mut after) = (BTreeSet::new(), None);
    loop {
        let page = webhook_events::bodies(connection, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id);
        for event in page.into_iter().filter(|event| mentions_in_json(&event.body, cpf)) {
            found.insert(event.id);
            leads.extend(event.lead_id);
        }
    }
}

/// Dead letters that name the CPF, or are about these events or leads; and their events.
async fn in_dead_letters(
    connection: &mut PgConnection,
    cpf: &Cpf,
    events: &BTreeSet<Uuid>,
    lead_ids: &[String],
) -> sqlx::Result<(Vec<Uuid>, Vec<Uuid>)> {
    let (mut found, mut after) = ((Vec::new(), Vec::new()), None);
    loop {
        let page = dead_letters::searchable(connection, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id);
        for letter in page {
            let is_theirs = events.contains(&letter.event_id)
                || (letter.stream == stream::c2s::STREAM
                    && letter.subject.as_ref().is_some_and(|subject| lead_ids.contains(subject)))
                || letter.body.as_ref().is_some_and(|body| mentions_in_json(body, cpf))
                || letter.headers.as_ref().is_some_and(|headers| mentions(headers, cpf));
            if is_theirs {
                found.0.push(letter.id);
                found.1.push(letter.event_id);
            }
        }
    }
}

async fn edited(
    connection: &mut PgConnection,
    cpf: &Cpf,
    events: &BTreeSet<Uuid>,
) -> sqlx::Result<Vec<Uuid>> {
    let edits = replays::edited_bodies(connection).await?;
    let theirs =
        edits.into_iter().filter(|(_, event, body)| events.contains(event) || mentions_in_json(body, cpf));
    Ok(theirs.map(|(_, event, _)| event).collect::<BTreeSet<_>>().into_iter().collect())
}

/// Messages that name the CPF, or are about these leads. Leads that they name are added.
async fn on_streams(
    erasure: &Erasure,
    cpf: &Cpf,
    leads: &mut BTreeSet<String>,
) -> anyhow::Result<BTreeMap<(String, u64), Stored>> {
    let mut found = BTreeMap::new();
    let topology = Topology::embedded();
    for stream in topology.streams.keys().filter(|stream| *stream != stream::ADVISORIES) {
        let visit = |stored: Stored| {
            let lead = (*stream == stream::c2s::STREAM).then(|| stored.envelope().subject).flatten();
            let is_theirs = lead.as_ref().is_some_and(|lead| leads.contains(lead))
                || mentions_in_json(&stored.payload, cpf)
                || stored.headers.iter().any(|(_, value)| mentions(value, cpf));
            if is_theirs {
                leads.extend(lead);
                found.insert((stored.stream.clone(), stored.sequence), stored);
            }
        };
        erasure.bus.scan(stream, visit).await?;
    }
    Ok(found)
}
