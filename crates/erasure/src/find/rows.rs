//! A person in bodies that tables keep.

use std::collections::BTreeSet;

use contract::stream;
use people::{Cpf, mentions, mentions_in_json};
use sqlx::PgConnection;
use store::{dead_letters, replays, webhook_events};
use uuid::Uuid;

/// Rows that are read at one time.
const PAGE: i64 = 500;

/// Events whose bodies name the CPF, and the leads that they are about.
pub(super) async fn in_ledger(
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
pub(super) async fn in_dead_letters(
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

/// Events whose bodies somebody changed for a replay, and which name the CPF then, or are among these.
pub(super) async fn edited(
    connection: &mut PgConnection,
    cpf: &Cpf,
    events: &BTreeSet<Uuid>,
) -> sqlx::Result<Vec<Uuid>> {
    let edits = replays::edited_bodies(connection).await?;
    let theirs =
        edits.into_iter().filter(|(_, event, body)| events.contains(event) || mentions_in_json(body, cpf));
    Ok(theirs.map(|(_, event, _)| event).collect::<BTreeSet<_>>().into_iter().collect())
}
