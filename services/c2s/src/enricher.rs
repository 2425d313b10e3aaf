//! The consumer `c2s-enricher`: finds out whose a lead is, and writes what is known of the person to the lead.
//!
//! Text, then phone and e-mail, give a CPF; the CPF gives a person; the person gives one message. Every answer that was
//! paid for is kept before the next question, so an attempt goes on where the last one stopped.
//!
//! Promised: a lead that says the same of its person is enriched once (`our_own_write_back_does_not_loop`), the same text
//! is posted to it once (`a_kill_at_any_step_leaves_one_message`) unless a replay is told to do it again
//! (`a_replay_does_nothing_twice_and_a_forced_one_posts_again`), limits and refusals of others cost no lead
//! (`a_used_up_quota_pauses_and_resumes_by_itself`), and a CPF is in no log and no span (`no_cpf_is_in_a_log_or_a_span`).

mod compose;
mod journal;
mod limit;
mod post;
mod progress;
mod registry;
mod search;
mod status;
mod take_up;
mod wanted;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use c2s_api::C2sApi;
use config::Settings;
use consumer::{Failure, Handler, Message};
use contract::{EventId, stream::c2s::PROVIDER};
use lifecycle::Shutdown;
use opentelemetry::{KeyValue, metrics::Counter};
use people::BlindIndex;
use people_api::{Diretrix, Source, WorkApi};
use seal::Keyring;
use service::handling;
use sqlx::PgPool;
use store::lead_enrichments::{self, Outcome};
use time::OffsetDateTime;
use tracing::{debug, info};
use uuid::Uuid;

use self::{
    limit::Limits,
    take_up::{Taken, Task},
    wanted::{Asked, Wanted},
};

pub(crate) use status::{Watch, watch};

/// Enriches leads.
pub(crate) struct Enricher {
    pool: PgPool,
    api: C2sApi,
    sources: Vec<Arc<dyn Source>>,
    limits: Limits,
    keys: Keyring,
    index: BlindIndex,
    settings: config::Enricher,
    people: config::People,
    /// Leads that had to be read, for as long as their events are in hand: reading one is a call of ten a minute.
    fetched: Mutex<HashMap<EventId, Arc<c2s_api::Lead>>>,
    done: Counter<u64>,
    refused: Counter<u64>,
}

/// How the handling of a lead ended.
enum Ended {
    /// As an enrichment of its own.
    With(Outcome),
    /// Another event brought the same, or something newer.
    Unchanged(&'static str),
}

impl Enricher {
    /// The enricher of these settings; `None`: it is off, and the log says why.
    ///
    /// # Errors
    /// A setting that it needs cannot be used.
    pub(crate) fn new(settings: &Settings, pool: &PgPool) -> anyhow::Result<Option<Self>> {
        let off = |why: &str| {
            info!(why, "leads are not enriched");
            Ok(None)
        };
        if !settings.c2s.enricher.enabled {
            return off("c2s.enricher.enabled is false");
        }
        if settings.c2s.api.token.is_none() {
            return off("c2s.api.token (C2S_TOKEN) is not set");
        }
        let work = WorkApi::new(&settings.people.work, &settings.outbound)?;
        let diretrix = Diretrix::new(&settings.people.diretrix, &settings.outbound)?;
        let sources: Vec<Arc<dyn Source>> = [
            work.map(|work| Arc::new(work) as Arc<dyn Source>),
            diretrix.map(|diretrix| Arc::new(diretrix) as Arc<dyn Source>),
        ]
        .into_iter()
        .flatten()
        .collect();
        if sources.is_empty() {
            return off(
                "neither people.work.token (WORK_API) nor people.diretrix.base_url is set: nobody can be asked",
            );
        }
        let api = C2sApi::new(&settings.c2s.api, &settings.outbound)?;
        // The older service's words, which its runbooks look for.
        info!(sources = ?sources.iter().map(|source| source.name()).collect::<Vec<_>>(), "✓ C2S Gateway client initialized");
        let meter = telemetry::meter();
        Ok(Some(Self {
            pool: pool.clone(),
            limits: Limits::new(pool, settings),
            api,
            sources,
            keys: Keyring::new(&settings.seal).context("seal.keys")?,
            index: BlindIndex::new(&settings.people.index_keys)?,
            settings: settings.c2s.enricher.clone(),
            people: settings.people.clone(),
            fetched: Mutex::default(),
            done: meter.u64_counter(contract::metric::ENRICHMENTS).build(),
            refused: meter.u64_counter(contract::metric::ENRICHER_CONTACTS_REFUSED).build(),
        }))
    }

    /// Names of the limits that its calls are taken from.
    pub(crate) fn destinations(&self) -> Vec<&'static str> {
        let sources = self.sources.iter().map(|source| source.name());
        std::iter::once(c2s_api::LIMIT_KEY).chain(sources).collect()
    }

    async fn enrich(&self, message: &Message, wanted: &Wanted) -> Result<Ended, Failure> {
        let Some(asked) = self.asked(message, wanted).await? else {
            return Ok(Ended::Unchanged("lead_gone"));
        };
        match self.take_up(message, wanted, &asked).await? {
            Taken::Up(task) => self.work(wanted, &asked, &task).await.map(Ended::With),
            Taken::Unchanged(why) => Ok(Ended::Unchanged(why)),
        }
    }

    /// From what the lead says to the message on it.
    async fn work(&self, wanted: &Wanted, asked: &Asked, task: &Task) -> Result<Outcome, Failure> {
        let (lead, claimed) = (&*wanted.lead_id, &task.claimed);
        if let Some(message) = self.composed(claimed).await? {
            let outcome = self.post(lead, claimed.id, message).await?;
            return self.complete(claimed.id, outcome, outcome_note(outcome)).await;
        }
        self.count_refused(asked);
        let found = match self.search(lead, asked, claimed).await? {
            Ok(found) => found,
            Err(ended) => return self.complete(claimed.id, ended.outcome, ended.note).await,
        };
        let people = self.people(lead, claimed.id, found).await?;
        if people.is_empty() {
            return self.complete(claimed.id, Outcome::NoData, outcome_note(Outcome::NoData)).await;
        }
        let text = compose::compose(&people, asked);
        let message = self.draft(lead, task, &text).await?;
        let outcome = self.post(lead, claimed.id, message).await?;
        self.complete(claimed.id, outcome, outcome_note(outcome)).await
    }

    async fn complete(&self, id: Uuid, outcome: Outcome, note: &str) -> Result<Outcome, Failure> {
        let completing = async {
            let mut connection = self.pool.acquire().await?;
            let now = OffsetDateTime::now_utc();
            lead_enrichments::complete(&mut connection, id, outcome, note, now).await
        };
        completing.await.map_err(service::failure)?;
        Ok(outcome)
    }

    fn count_refused(&self, asked: &Asked) {
        for (kind, reason) in &asked.refused {
            self.refused.add(1, &[KeyValue::new("kind", *kind), KeyValue::new("reason", *reason)]);
        }
    }

    /// One word into the metric; a lead that was enriched into the log, in the older service's words: operators count
    /// them with grep.
    fn tell(&self, lead_id: &str, ended: &Ended) {
        let outcome = match ended {
            Ended::With(outcome) => outcome.as_str(),
            Ended::Unchanged(why) => why,
        };
        self.done.add(1, &[KeyValue::new("outcome", outcome)]);
        match ended {
            Ended::With(Outcome::Enriched) => info!("Successfully enriched lead_id={lead_id}"),
            Ended::With(_) => info!(lead.id = lead_id, outcome, "lead not enriched"),
            Ended::Unchanged(_) => debug!(lead.id = lead_id, outcome, "lead needs no enriching"),
        }
    }
}

impl Handler for Enricher {
    async fn handle(&self, message: &Message) -> Result<(), Failure> {
        if !handling::admit(&self.pool, PROVIDER, message).await?.may_act() {
            return Ok(());
        }
        // What is no lead event is a dead letter of the lead store's, and nothing to enrich.
        if let Some(wanted) = Wanted::of(message) {
            let ended = self.enrich(message, &wanted).await?;
            self.tell(&wanted.lead_id, &ended);
            self.fetched().remove(&message.envelope.id);
        } else {
            self.done.add(1, &[KeyValue::new("outcome", "not_wanted")]);
        }
        handling::complete(&self.pool, message).await
    }
}

const fn outcome_note(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Enriched => "the message is on the lead",
        Outcome::Repeated => "the lead has the same message already",
        Outcome::LeadGone => "Contact2Sale has no such lead",
        Outcome::Suppressed => "the person asked to be forgotten",
        Outcome::NoCpf => "nobody could say whose the lead is",
        Outcome::NoData => "nobody is known of the CPF that was found",
    }
}

/// Starts measuring what is paused.
pub(crate) fn start_watch(watch: &Watch, shutdown: &Shutdown) {
    shutdown.spawn_required("enricher-watch", status::run(watch.clone(), shutdown.clone()));
}
