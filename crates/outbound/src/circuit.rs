//! Destinations that rest: who fails again and again is left alone for a while, and then tried with one call.
//!
//! Per process, and by consecutive failures: the libraries count rates over many calls, where some of our destinations
//! see ten a minute, and none of them tells how long the rest still takes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use config::Outbound;
use contract::metric;
use opentelemetry::{KeyValue, metrics::Counter};
use tokio::time::Instant;

use crate::{Error, Request};

/// Destinations that are remembered to have failed, at most; above it, new ones never rest.
const REMEMBERED_MAX: usize = 1_000;
/// How long others wait while one call tries whether the destination is back.
const TRIAL_WAIT: Duration = Duration::from_secs(1);

/// What is known of the destinations of one client. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Circuits {
    destination: &'static str,
    failures_max: u32,
    rest: Duration,
    failing: Arc<Mutex<HashMap<String, Failing>>>,
    rests: Counter<u64>,
}

/// A destination whose last attempt failed; those that work are not here.
#[derive(Debug, Default)]
struct Failing {
    failures: u32,
    rests_until: Option<Instant>,
    has_trial: bool,
}

/// Leave to make one attempt. Dropped without a verdict it says nothing of the destination.
#[derive(Debug)]
pub(crate) struct Leave {
    circuits: Circuits,
    key: String,
    is_trial: bool,
}

impl Circuits {
    pub(crate) fn new(destination: &'static str, settings: &Outbound) -> Self {
        let (failures_max, rest) = (settings.circuit_failures_max.max(1), settings.circuit_rest());
        let rests = telemetry::meter()
            .u64_counter(metric::OUTBOUND_RESTS)
            .with_description("Destinations that failed too often in a row and were left alone for a while.")
            .build();
        Self { destination, failures_max, rest, failing: Arc::default(), rests }
    }

    /// Leave to call. While a destination rests there is none; after that one call at a time gets it, until one
    /// succeeds. Proved by `a_destination_that_fails_again_and_again_rests` and `one_call_tries_whether_it_is_back`.
    pub(crate) fn enter(&self, request: &Request) -> Result<Leave, Error> {
        let key = key(request);
        let mut failing = self.failing();
        let mut is_trial = false;
        if let Some(known) = failing.get_mut(&key)
            && known.rests_until.is_some()
        {
            if let Some(after) = known.rests() {
                return Err(Error::Resting { after });
            }
            known.has_trial = true;
            is_trial = true;
        }
        drop(failing);
        Ok(Leave { circuits: self.clone(), key, is_trial })
    }

    /// How long a destination still rests.
    pub(crate) fn rests(&self, key: &str) -> Option<Duration> {
        self.failing().get(key).and_then(Failing::rests)
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<String, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failing {
    /// How long nobody may call; none: the next one may, to try.
    fn rests(&self) -> Option<Duration> {
        let left = self.rests_until?.saturating_duration_since(Instant::now());
        match left {
            Duration::ZERO => self.has_trial.then_some(TRIAL_WAIT),
            left => Some(left),
        }
    }
}

impl Leave {
    /// The destination answered, whatever it said.
    pub(crate) fn answered(self) {
        let known = self.circuits.failing().remove(&self.key);
        if known.is_some_and(|known| known.rests_until.is_some()) {
            tracing::info!(destination = self.circuits.destination, "destination is back");
        }
    }

    /// The destination did not answer, or said that it fails.
    pub(crate) fn failed(self) {
        let now = Instant::now();
        let mut failing = self.circuits.failing();
        if failing.len() >= REMEMBERED_MAX && !failing.contains_key(&self.key) {
            failing.retain(|_, known| known.rests_until.is_some_and(|until| until > now));
            if failing.len() >= REMEMBERED_MAX {
                return;
            }
        }
        let known = failing.entry(self.key.clone()).or_default();
        known.failures = known.failures.saturating_add(1);
        // Attempts that began before the rest end in it: they do not make it longer.
        if known.failures < self.circuits.failures_max || (known.rests_until.is_some() && !self.is_trial) {
            return;
        }
        let is_news = known.rests_until.replace(now + self.circuits.rest).is_none();
        let failures = known.failures;
        drop(failing);
        if is_news {
            self.circuits.rests.add(1, &[KeyValue::new("destination", self.circuits.destination)]);
            tracing::warn!(
                destination = self.circuits.destination,
                failures,
                rest_ms = self.circuits.rest.as_millis(),
                "destination failed too often in a row and rests"
            );
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(known) = self.circuits.failing().get_mut(&self.key)
        {
            known.has_trial = false;
        }
    }
}

/// What rests as a whole.
fn key(request: &Request) -> String {
    request.circuit.clone().unwrap_or_else(|| request.url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests;
