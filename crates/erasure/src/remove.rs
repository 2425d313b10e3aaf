//! Removing what was found. What leads to a person is removed last, so that a second run finishes a first one that was
//! cut off.

use anyhow::Context as _;
use bus::{Stored, Topology};
use contract::{code, stream};
use people::Cpf;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use store::{
    dead_letters, event_handlings, hook_deliveries, lead_enrichments, lead_messages, leads, people as cache,
    person_erasures,
    redaction::{self, Column, Redacted},
    replays, usage_queries,
    webhook_events::{self, Event, Position, Reason, Status},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Erasure, Report, Traces, find};

const REASON: &str = "erased before it was handled, because of the person in it";

/// Tables that lead to a person; they are changed last, and all at once.
const LEADING: [&str; 7] = [
    "webhook_events",
    "dead_letters",
    "leads",
    "lead_enrichments",
    "lead_messages",
    "people",
    "replay_edits",
];

pub(crate) async fn remove(erasure: &Erasure, cpf: &Cpf, now: OffsetDateTime) -> anyhow::Result<Report> {
    let mut connection = erasure.pool.acquire().await?;
    // First, so that the enricher looks nobody up while we search, and posts nothing.
    let (id, index) = (Uuid::now_v7(), erasure.index.of_cpf(cpf));
    person_erasures::record(&mut connection, id, &index, &json!({}), now).await?;
    let traces = find::find(erasure, cpf).await?;
    let found = &traces.report;
    let mut report = Report {
        at_contact2sale: found.at_contact2sale.clone(),
        told_hooks: found.told_hooks.clone(),
        waiting_messages: found.waiting_messages,
        shared_contacts: found.shared_contacts,
        unreadable_look_ups: found.unreadable_look_ups,
        ..Report::default()
    };
    let columns = redaction::columns(&mut connection).await?;
    let (leading, others): (Vec<_>, Vec<_>) =
        columns.iter().partition(|column| LEADING.contains(&column.table.as_str()));
    redact(&mut connection, &others, &traces, &mut report).await?;
    for message in &traces.messages {
        if enter(&mut connection, message, now).await? {
            report.unhandled_messages += 1;
        }
        report.stream_messages += u64::from(erasure.bus.erase(&message.stream, message.sequence).await?);
    }
    // Behind the messages that name them: nobody shall look for a body that is gone.
    for claim in &traces.claims {
        report.claimed_bodies += u64::from(erasure.claims.erase(claim).await?);
    }
    let mut transaction = connection.begin().await?;
    // Those that were entered just now, too.
    let mut event_ids = traces.event_ids.clone();
    event_ids.extend(webhook_events::of_leads(&mut transaction, &traces.lead_ids).await?);
    report.texts = event_handlings::erase_errors(&mut transaction, &event_ids).await?
        + hook_deliveries::erase_answers(&mut transaction, &event_ids).await?
        + usage_queries::erase_summaries(&mut transaction, &event_ids).await?;
    report.webhook_events = webhook_events::erase(&mut transaction, &event_ids, now).await?;
    report.dead_letters = dead_letters::erase(&mut transaction, &traces.dead_letter_ids, now).await?;
    report.replay_edits = replays::erase_edits(&mut transaction, &traces.edited_ids).await?;
    report.leads = leads::erase(&mut transaction, &traces.lead_ids).await?;
    report.lead_messages = lead_messages::erase_texts(&mut transaction, &traces.lead_ids).await?;
    report.lead_enrichments = lead_enrichments::erase(&mut transaction, &traces.lead_ids, now).await?;
    report.people = cache::erase(&mut transaction, &erasure.index.all_of_cpf(cpf)).await?;
    redact(&mut transaction, &leading, &traces, &mut report).await?;
    let removed = serde_json::to_value(&report).context("the report")?;
    person_erasures::record(&mut transaction, id, &index, &removed, now).await?;
    transaction.commit().await?;
    Ok(report)
}

/// Takes the CPF and the contacts out of these columns.
async fn redact(
    connection: &mut PgConnection,
    columns: &[&Column],
    traces: &Traces,
    report: &mut Report,
) -> sqlx::Result<()> {
    for column in columns {
        match redaction::redact(&mut *connection, column, &traces.patterns.marks()).await? {
            Redacted::Gone(rows) => report.note(column, rows),
            Redacted::Kept(rows) => {
                report.kept.insert(column.place(), rows);
            }
        }
    }
    Ok(())
}

/// Enters a message, as dead, for every consumer that was not done with it. Says whether there was one.
async fn enter(connection: &mut PgConnection, message: &Stored, now: OffsetDateTime) -> anyhow::Result<bool> {
    let Some((provider, stream)) = stream::of_name(&message.stream) else { return Ok(false) };
    let envelope = message.envelope();
    let lead_id = (provider == stream::c2s::PROVIDER).then_some(envelope.subject.as_deref()).flatten();
    let position =
        Position { stream: &message.stream, subject: &message.subject, sequence: message.sequence };
    let event = Event {
        provider,
        envelope: &envelope,
        body: &[],
        lead_id,
        updated_at: None,
        position,
        attempt: 0,
        trace_id: None,
    };
    let mut entered = false;
    let topology = Topology::embedded();
    let consumers = topology.consumers.iter().filter(|(_, spec)| spec.stream == stream);
    for (consumer, _) in consumers.filter(|(_, spec)| reads(&spec.filter_subjects, &message.subject)) {
        if Some(consumer.as_str()) == stream::primary_of(stream) {
            entered |= webhook_events::tombstones(connection, std::slice::from_ref(&event), now).await? > 0;
        } else {
            let known = event_handlings::status(connection, consumer, envelope.id).await?;
            if matches!(known, None | Some(Status::Processing | Status::Failed | Status::Received)) {
                let reason = Reason { code: code::ERASED, error: REASON, headers: None };
                entered |= event_handlings::record_dead(connection, consumer, &event, reason, now).await?;
            }
        }
    }
    Ok(entered)
}

/// Whether one of the filters, which end in `>`, lets the subject through.
fn reads(filters: &[String], subject: &str) -> bool {
    filters.iter().any(|filter| filter.strip_suffix('>').is_some_and(|prefix| subject.starts_with(prefix)))
}
