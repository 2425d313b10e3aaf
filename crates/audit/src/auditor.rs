//! One audit of one provider, from the broker's word to the report.

mod reporting;

use bus::{Bus, Topology};
use contract::stream::{self, PROVIDERS};
use sqlx::PgPool;
use store::{audit_reports, lost_positions, stream_accounts, stream_accounts::StreamAccount};
use time::OffsetDateTime;

use crate::{
    AuditError, Burial, Healed, Report, claims,
    doubts::Doubts,
    facts::{self, ConsumerFacts, StreamFacts},
    handlings,
    heal::Healer,
    look::{self, Budget, Look, Subject},
};

/// Rounds of healing in one audit: each takes the first ones of what is wrong.
const ROUNDS_MAX: usize = 100;

/// Audits streams.
#[derive(Debug, Clone)]
pub struct Auditor {
    bus: Bus,
    pool: PgPool,
    burial: Burial,
    settings: config::Audit,
    topology: Topology,
    doubts: Doubts,
}

/// A provider's stream and what the broker said of it.
struct Scene {
    provider: &'static str,
    stream: &'static str,
    primary: &'static str,
    facts: StreamFacts,
    consumer: Option<ConsumerFacts>,
    /// The newest is the stream that is there.
    accounts: Vec<StreamAccount>,
}

impl Auditor {
    /// An auditor on these connections.
    pub fn new(bus: &Bus, pool: &PgPool, nats: &config::Nats, settings: &config::Audit) -> Self {
        Self {
            bus: bus.clone(),
            pool: pool.clone(),
            burial: Burial::new(bus, pool, nats, settings),
            settings: settings.clone(),
            topology: Topology::embedded(),
            doubts: Doubts::default(),
        }
    }

    /// Every provider that has a stream.
    pub fn providers() -> impl Iterator<Item = &'static str> {
        PROVIDERS.iter().map(|(provider, _)| *provider)
    }

    /// The budget of one audit of the service.
    fn budget(&self) -> Budget {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Budget {
            positions: signed(self.settings.positions_max),
            messages: signed(self.settings.messages_max),
        }
    }

    /// Looks at a provider's stream and changes nothing. `None`: there is no such stream.
    ///
    /// # Errors
    /// Broker or database did not answer.
    pub async fn look(&self, provider: &str, now: OffsetDateTime) -> Result<Option<Report>, AuditError> {
        let Some(scene) = self.scene(provider).await? else { return Ok(None) };
        // Whoever asks wants to know about all of it.
        let budget = Budget { positions: i64::MAX, ..self.budget() };
        let looks = self.looks(&scene, budget, now).await?;
        self.report(&scene, &looks, now).await.map(Some)
    }

    /// Heals what is wrong with a provider's stream, and moves its books on. `None`: there is no such stream, or
    /// somebody else is at it.
    ///
    /// # Errors
    /// Broker or database did not answer; what was healed is healed.
    pub async fn pass(&self, provider: &str, now: OffsetDateTime) -> Result<Option<Report>, AuditError> {
        let Some(lock) = store::try_lock(&self.pool, &format!("audit.{provider}")).await? else {
            return Ok(None);
        };
        let report = self.pass_alone(provider, now).await;
        if let Ok(Some(report)) = &report {
            self.keep(report, now).await?;
        }
        lock.release().await.ok();
        report
    }

    /// What the last [`Self::pass`] of a provider said, whoever made it, and when that was.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn last(&self, provider: &str) -> Result<Option<(Report, OffsetDateTime)>, AuditError> {
        let mut connection = self.pool.acquire().await?;
        let last = audit_reports::last(&mut connection, provider).await?;
        // One that another version wrote may not be understood; the next one will be.
        Ok(last.and_then(|(report, at)| Some((serde_json::from_value(report).ok()?, at))))
    }

    async fn keep(&self, report: &Report, now: OffsetDateTime) -> Result<(), AuditError> {
        let document = serde_json::to_value(report).unwrap_or_default();
        let mut connection = self.pool.acquire().await?;
        Ok(audit_reports::put(&mut connection, &report.provider, &document, now).await?)
    }

    async fn pass_alone(&self, provider: &str, now: OffsetDateTime) -> Result<Option<Report>, AuditError> {
        let mut healed = Healed::default();
        for _ in 0..ROUNDS_MAX {
            let Some(scene) = self.scene(provider).await? else { return Ok(None) };
            let looks = self.looks(&scene, self.budget(), now).await?;
            let mut round = Healed::default();
            let healer = self.healer(&scene, now);
            if let Some(look) = looks.first() {
                round += healer.heal(look, scene.consumer.as_ref()).await?;
            }
            for consumer in self.secondaries(&scene) {
                round.dead += handlings::heal(&healer, consumer, booked(&looks)).await?;
            }
            healed += round;
            let moved = self.move_on(&scene, &looks, now).await?;
            if round == Healed::default() && !moved {
                let mut report = self.report(&scene, &looks, now).await?;
                if let Some(claims) = &report.claims {
                    healed.claims = claims::heal(&self.bus, claims).await?;
                }
                report.healed = healed;
                return Ok(Some(report));
            }
        }
        Ok(self.look(provider, now).await?.map(|report| Report { healed, ..report }))
    }

    /// Asks the broker, the stream first: see [`facts`].
    async fn scene(&self, provider: &str) -> Result<Option<Scene>, AuditError> {
        let known = PROVIDERS.iter().copied().find(|(name, _)| *name == provider);
        let Some((provider, stream)) = known else { return Ok(None) };
        let Some(primary) = stream::primary_of(stream) else { return Ok(None) };
        let Some(facts) = facts::stream(&self.bus, stream).await? else { return Ok(None) };
        let consumer = facts::consumer(&self.bus, (stream, facts), primary).await?;
        let mut connection = self.pool.acquire().await?;
        let mut accounts = stream_accounts::of_stream(&mut connection, stream).await?;
        if accounts.first().is_none_or(|account| account.incarnation != facts.incarnation) {
            accounts.insert(0, StreamAccount::new(stream, provider, facts.incarnation));
        }
        Ok(Some(Scene { provider, stream, primary, facts, consumer, accounts }))
    }

    /// One look for each of the scene's books.
    async fn looks(
        &self,
        scene: &Scene,
        budget: Budget,
        now: OffsetDateTime,
    ) -> Result<Vec<Look>, AuditError> {
        let mut looks = Vec::with_capacity(scene.accounts.len());
        let mut superseded = None;
        for account in &scene.accounts {
            let facts = match superseded {
                None => scene.facts,
                Some(_) => StreamFacts {
                    incarnation: account.incarnation,
                    first: account.last_sequence + 1,
                    last: account.last_sequence,
                },
            };
            let consumer = scene.consumer.as_ref();
            let (doubts, grace) = (&self.doubts, self.settings.grace());
            let subject = Subject { account, facts, superseded, consumer, doubts, grace, now };
            looks.push(look::look(&self.bus, &self.pool, &subject, budget).await?);
            superseded = Some(account.incarnation);
        }
        Ok(looks)
    }

    /// Writes the books, with the losses that they now count. Says whether there may be more to see at once.
    async fn move_on(&self, scene: &Scene, looks: &[Look], now: OffsetDateTime) -> Result<bool, AuditError> {
        let mut moved = false;
        for (before, look) in scene.accounts.iter().zip(looks) {
            if look.account == *before {
                continue;
            }
            let mut transaction = self.pool.begin().await?;
            stream_accounts::open(&mut transaction, before, now).await?;
            if !stream_accounts::advance(&mut transaction, before, &look.account, now).await? {
                continue;
            }
            let place = (before.stream.as_str(), before.incarnation);
            for gap in look.lost_for_good() {
                lost_positions::insert(&mut transaction, place, scene.provider, gap, now).await?;
            }
            transaction.commit().await?;
            moved |= look.account.settled_sequence > before.settled_sequence && look.not_reached == 0;
        }
        Ok(moved)
    }

    fn secondaries(&self, scene: &Scene) -> impl Iterator<Item = &str> {
        let (stream, primary) = (scene.stream, scene.primary);
        let consumers = self.topology.consumers.iter();
        consumers
            .filter(move |(name, spec)| spec.stream == stream && *name != primary)
            .map(|(name, _)| name.as_str())
    }

    fn healer<'a>(&'a self, scene: &Scene, now: OffsetDateTime) -> Healer<'a> {
        Healer {
            bus: &self.bus,
            pool: &self.pool,
            burial: &self.burial,
            provider: scene.provider,
            stream: scene.stream,
            primary: scene.primary,
            facts: scene.facts,
            grace: self.settings.grace(),
            now,
        }
    }
}

/// Up to where the books of the stream that is there are moved.
fn booked(looks: &[Look]) -> i64 {
    looks.first().map_or(0, |look| look.account.settled_sequence)
}
