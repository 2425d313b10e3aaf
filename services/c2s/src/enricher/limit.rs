//! Calls to others: taken from the limits that all replicas share, and what their failures mean for a lead.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use c2s_api::C2sApi;
use config::Settings;
use consumer::Failure;
use contract::{Code, code};
use people_api::{Answering, Source};
use sqlx::PgPool;
use store::rate_limits::{self, Rate};
use tracing::{error, warn};

/// Another process is at the same lead.
pub(super) const LEAD_BUSY: Code = Code::new("lead_busy");
/// A service refuses our token, or says that our quota is used up.
pub(super) const ACCOUNT_REFUSED: Code = Code::new("account_refused");
/// A service's address leads to somebody else, or nowhere.
pub(super) const MISDIRECTED: Code = Code::new("misdirected");

/// Different leads that must fail at a service in a row before it is the service's fault.
const FAILED_LEADS_MAX: usize = 3;
/// How long a service rests then, or when nobody is there.
const REST: Duration = Duration::from_secs(30);
/// The longest rest that a service gets because it asks for it: one call an hour harms nobody, and a mistake in a
/// `Retry-After` should not cost a day of leads.
const REST_MAX: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The limits of every service that is called.
pub(super) struct Limits {
    pool: PgPool,
    c2s_per_minute: u32,
    /// How long a service rests that refuses our token or quota.
    pause: Duration,
    /// By service, the leads that failed there since somebody succeeded.
    failed: Mutex<HashMap<&'static str, HashSet<String>>>,
}

/// What a failed call means, whoever was called.
struct Trouble {
    destination: &'static str,
    code: Code,
    /// Nobody calls for so long, says the other side or our own caution.
    wait: Option<Duration>,
    kind: Kind,
    source: anyhow::Error,
}

/// Whose fault it is.
#[derive(Clone, Copy)]
enum Kind {
    /// Our account's: only a person helps.
    Account,
    /// Our settings': only a person helps.
    Misdirected,
    /// Nobody was there to be asked.
    Unreached,
    /// Perhaps this lead's.
    Other,
}

impl Limits {
    pub(super) fn new(pool: &PgPool, settings: &Settings) -> Self {
        Self {
            pool: pool.clone(),
            c2s_per_minute: settings.c2s.api.rate_per_minute,
            pause: settings.c2s.enricher.pause(),
            failed: Mutex::default(),
        }
    }

    /// Takes one call to Contact2Sale.
    pub(super) async fn take_c2s(&self) -> Result<(), Failure> {
        self.take(c2s_api::LIMIT_KEY, self.c2s_per_minute).await
    }

    async fn take(&self, key: &'static str, per_minute: u32) -> Result<(), Failure> {
        let rate = Rate::strict(per_minute, MINUTE);
        let taking = async {
            let mut connection = self.pool.acquire().await?;
            rate_limits::take(&mut connection, key, rate).await
        };
        let wait = taking.await.map_err(service::failure)?;
        if wait.is_zero() { Ok(()) } else { Err(Failure::Wait { after: wait, code: code::RATE_LIMITED }) }
    }

    /// Asks a service for a lead's sake; `None`: it will never answer this.
    pub(super) async fn ask<'a, T>(
        &self,
        lead_id: &str,
        source: &'a dyn Source,
        call: impl FnOnce() -> Answering<'a, T>,
    ) -> Result<Option<T>, Failure> {
        self.take(source.name(), source.rate_per_minute()).await?;
        let error = match call().await {
            Ok(answer) => {
                self.succeeded(source.name());
                return Ok(Some(answer));
            }
            Err(error) => error,
        };
        let kind = match () {
            () if error.is_account() => Kind::Account,
            () if error.is_misdirected() => Kind::Misdirected,
            () if error.is_unreached() => Kind::Unreached,
            () => Kind::Other,
        };
        if !error.may_pass() && matches!(kind, Kind::Other) {
            warn!(
                lead.id = lead_id,
                destination = source.name(),
                code = error.code().as_str(),
                "a question is refused"
            );
            return Ok(None);
        }
        let trouble = Trouble {
            destination: source.name(),
            code: error.code(),
            wait: error.wait(),
            kind,
            source: error.into(),
        };
        Err(self.failed(lead_id, trouble).await)
    }

    /// Reads a lead; `None`: there is none.
    pub(super) async fn lead(&self, api: &C2sApi, lead_id: &str) -> Result<Option<c2s_api::Lead>, Failure> {
        self.take_c2s().await?;
        match api.lead(lead_id).await {
            Ok(lead) => {
                self.succeeded(c2s_api::LIMIT_KEY);
                Ok(Some(lead))
            }
            Err(c2s_api::Error::NotFound | c2s_api::Error::LeadId) => Ok(None),
            Err(error) => Err(self.c2s_failed(lead_id, error).await),
        }
    }

    /// What an error of Contact2Sale's means, where it is certain that nothing was done.
    pub(super) async fn c2s_failed(&self, lead_id: &str, error: c2s_api::Error) -> Failure {
        let kind = match () {
            () if error.is_token() => Kind::Account,
            () if error.is_misdirected() => Kind::Misdirected,
            () if error.is_unreached() => Kind::Unreached,
            () => Kind::Other,
        };
        if !error.may_pass() && matches!(kind, Kind::Other) {
            return Failure::Dead { code: error.code(), source: error.into() };
        }
        let trouble = Trouble {
            destination: c2s_api::LIMIT_KEY,
            code: error.code(),
            wait: error.wait(),
            kind,
            source: error.into(),
        };
        self.failed(lead_id, trouble).await
    }

    /// The verdict on a call that failed. Only a failure that may be this lead's own costs it an attempt.
    async fn failed(&self, lead_id: &str, trouble: Trouble) -> Failure {
        let Trouble { destination, code, wait, kind, source } = trouble;
        let error = format!("{source:#}");
        match kind {
            Kind::Account => {
                error!(destination, error, "a service refuses our account; leads wait");
                return self.rest(destination, self.pause, ACCOUNT_REFUSED).await;
            }
            Kind::Misdirected => {
                error!(destination, error, "a service's address leads elsewhere; leads wait");
                return self.rest(destination, self.pause, MISDIRECTED).await;
            }
            Kind::Unreached if wait.is_none() => {
                warn!(destination, error, "a service cannot be reached; leads wait");
                return self.rest(destination, REST, code).await;
            }
            Kind::Unreached | Kind::Other => {}
        }
        if let Some(length) = wait.map(|length| length.min(REST_MAX)) {
            warn!(destination, wait_ms = millis(length), "a service must rest; leads wait");
            return self.rest(destination, length, code).await;
        }
        if self.note_failed(destination, lead_id) {
            warn!(destination, error, "a service fails for every lead; leads wait");
            return self.rest(destination, REST, code).await;
        }
        Failure::Retry { code, after: None, source }
    }

    /// Nobody calls the service for so long, in no replica.
    async fn rest(&self, destination: &str, length: Duration, code: Code) -> Failure {
        let pausing = async {
            let mut connection = self.pool.acquire().await?;
            rate_limits::pause(&mut connection, destination, length, code.as_str()).await
        };
        match pausing.await {
            Ok(()) => Failure::Wait { after: length, code },
            Err(error) => service::failure(error),
        }
    }

    fn succeeded(&self, destination: &'static str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(destination);
    }

    /// Notes that a lead failed at a service, and says whether enough different ones did since one succeeded.
    fn note_failed(&self, destination: &'static str, lead_id: &str) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let leads = failed.entry(destination).or_default();
        if leads.len() < FAILED_LEADS_MAX {
            leads.insert(lead_id.to_owned());
        }
        leads.len() >= FAILED_LEADS_MAX
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
