//! Takes in Contact2Sale leads that no webhook brought: reads what changed from the list of leads, and publishes the
//! versions that never came, under the key that their webhook would have had. So what comes late is a duplicate, whichever
//! of the two is first. Proved by `a_poll_brings_what_never_came_and_nothing_twice`.
//!
//! Calls are taken from the limit that the enricher uses, too.

use std::{collections::HashMap, time::Duration};

use bus::{Event, PublishError, Publisher};
use c2s_api::C2sApi;
use contract::{
    Envelope, EventId,
    c2s::{Action, LeadEvent, split},
    stream::{
        c2s::{PROVIDER, STREAM},
        ingest_subject,
    },
};
use serde::Serialize;
use sqlx::PgPool;
use store::{
    rate_limits::{self, Rate},
    webhook_events,
};
use time::OffsetDateTime;
use tracing::{Instrument as _, info_span};

/// `ce-source` of what a poll brings.
const SOURCE: &str = "/c2s/poll";

/// Reads, compares, publishes.
#[derive(Debug, Clone)]
pub struct CatchUp {
    api: C2sApi,
    publisher: Publisher,
    pool: PgPool,
    rate_per_minute: u32,
    pages_max: u32,
}

/// What a poll found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Leads that changed since the time.
    pub seen: usize,
    /// Of these, versions that the ledger had.
    pub known: usize,
    /// Versions that never came.
    pub missing: usize,
    /// Of these, those that are on the stream by this poll.
    pub published: usize,
    /// Of these, those that were on the stream already, not yet handled.
    pub waiting: usize,
    /// Leads without id or instant, which are left out.
    pub unreadable: usize,
    /// Pages read.
    pub pages: u32,
    /// Whether every page was read.
    pub is_complete: bool,
    /// Leads whose version never came, at most a hundred.
    pub leads: Vec<String>,
}

/// Why a poll did not end. What was published by then is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Contact2Sale did not answer, or refused.
    #[error("the leads cannot be read")]
    Api(#[from] c2s_api::Error),
    /// The database did not answer.
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
    /// A version is not on the stream.
    #[error("a lead cannot be published")]
    Publish(#[from] PublishError),
}

/// A version of a lead, as the stream shall have it.
struct Version {
    lead_id: String,
    key: String,
    action: Action,
    body: String,
}

impl CatchUp {
    /// The poll of these settings.
    pub fn new(api: C2sApi, publisher: Publisher, pool: PgPool, settings: &config::C2s) -> Self {
        let (rate_per_minute, pages_max) = (settings.api.rate_per_minute, settings.poll.pages_max);
        Self { api, publisher, pool, rate_per_minute, pages_max }
    }

    /// Takes in what changed since then; with `dry_run` only says what it would do.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(&self, since: OffsetDateTime, dry_run: bool) -> Result<Report, Error> {
        let mut report = Report::default();
        let mut next = Some(1);
        while let Some(page) = next.filter(|page| *page <= self.pages_max) {
            self.take().await?;
            let read = self.api.changed_since(since, page).await;
            if let Err(error) = &read {
                self.heed(error).await?;
            }
            let read = read?;
            report.pages += 1;
            report.unreadable += read.unreadable;
            self.take_in(&read.leads, dry_run, &mut report).await?;
            next = read.next;
        }
        report.is_complete = next.is_none();
        Ok(report)
    }

    async fn take_in(
        &self,
        leads: &[c2s_api::Lead],
        dry_run: bool,
        report: &mut Report,
    ) -> Result<(), Error> {
        const LEADS_LISTED_MAX: usize = 100;
        let mut versions: HashMap<String, Version> = HashMap::new();
        for lead in leads {
            match version(lead) {
                Some(version) => {
                    report.seen += 1;
                    versions.insert(version.key.clone(), version);
                }
                None => report.unreadable += 1,
            }
        }
        let keys: Vec<_> = versions.keys().cloned().collect();
        let mut connection = self.pool.acquire().await?;
        let missing = webhook_events::unknown_keys(&mut connection, PROVIDER, &keys).await?;
        drop(connection);
        report.known += keys.len() - missing.len();
        report.missing += missing.len();
        for key in missing {
            let Some(version) = versions.remove(&key) else { continue };
            if report.leads.len() < LEADS_LISTED_MAX {
                report.leads.push(version.lead_id.clone());
            }
            if !dry_run {
                let duplicate = self.publish(version).await?;
                *if duplicate { &mut report.waiting } else { &mut report.published } += 1;
            }
        }
        Ok(())
    }

    /// Whether the stream had it already.
    async fn publish(&self, version: Version) -> Result<bool, Error> {
        let envelope = Envelope {
            id: EventId::generate(),
            source: SOURCE.to_owned(),
            event_type: version.action.event_type().to_owned(),
            subject: Some(version.lead_id),
            time: OffsetDateTime::now_utc(),
            content_type: "application/json".to_owned(),
            dedup_key: version.key,
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: std::collections::BTreeMap::new(),
        };
        let subject = ingest_subject(PROVIDER, version.action.token());
        let event = Event { stream: STREAM, subject, envelope, payload: version.body.into() };
        let span = info_span!("c2s.poll", otel.kind = "internal");
        Ok(self.publisher.publish(event).instrument(span).await?.duplicate)
    }

    /// Waits for a call of the limit.
    async fn take(&self) -> Result<(), Error> {
        let rate = Rate::strict(self.rate_per_minute, Duration::from_mins(1));
        loop {
            let mut connection = self.pool.acquire().await?;
            let wait = rate_limits::take(&mut connection, c2s_api::LIMIT_KEY, rate).await?;
            drop(connection);
            if wait.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// A rest that Contact2Sale asks for is everybody's.
    async fn heed(&self, error: &c2s_api::Error) -> Result<(), Error> {
        if let Some(wait) = error.wait() {
            let mut connection = self.pool.acquire().await?;
            rate_limits::pause(&mut connection, c2s_api::LIMIT_KEY, wait, error.code().as_str()).await?;
        }
        Ok(())
    }
}

/// What the webhook of this version would have been.
fn version(lead: &c2s_api::Lead) -> Option<Version> {
    let event: LeadEvent<'_> = split(&lead.body).ok()?.into_iter().next()?.ok()?;
    let key = event.dedup_key();
    // A lead that never changed is a new one.
    let created_at = contract::c2s::Lead::parse(lead.body.as_bytes())?.created_at;
    let action = if created_at == Some(event.updated_at) { Action::Created } else { Action::Updated };
    Some(Version { lead_id: event.lead_id, key, action, body: lead.body.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_key_of_its_webhook() {
        let lead = |created: &str| c2s_api::Lead {
            id: "a1".to_owned(),
            updated_at: None,
            body: format!(
                r#"{{"type":"lead","id":"a1","attributes":{{"created_at":"{created}","updated_at":"2026-01-20T07:00:00.000-03:00"}}}}"#
            ),
        };
        let new = version(&lead("2026-01-20T10:00:00Z")).unwrap();
        let webhook = r#"{"hook_action":"on_create_lead","lead":{"id":"a1","attributes":{"updated_at":"2026-01-20T10:00:00Z"}}}"#;
        assert_eq!(new.key, split(webhook).unwrap().remove(0).unwrap().dedup_key());
        assert_eq!(new.action, Action::Created);
        assert_eq!(version(&lead("2026-01-19T10:00:00Z")).unwrap().action, Action::Updated);
    }
}
