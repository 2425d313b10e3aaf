//! What is measured.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use contract::metric;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge},
};
use store::{
    hook_deliveries::{Backlog, Outcome},
    hooks::{Disabled, Hook, Kind},
};
use time::OffsetDateTime;

pub(crate) struct Metrics {
    attempts: Counter<u64>,
    backlog: Gauge<i64>,
    oldest: Gauge<f64>,
    disabled: Gauge<u64>,
    /// Names that a gauge tells of: it goes on telling the last it heard until it hears better.
    told: Mutex<HashSet<String>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = telemetry::meter();
        Self {
            attempts: meter
                .u64_counter(metric::HOOK_ATTEMPTS)
                .with_description("Attempts to send an event to a hook")
                .build(),
            backlog: meter
                .i64_gauge(metric::HOOK_BACKLOG)
                .with_description("Events that wait for a hook")
                .build(),
            oldest: meter
                .f64_gauge(metric::HOOK_OLDEST)
                .with_description("How long the oldest event has waited for a hook")
                .build(),
            disabled: meter
                .u64_gauge(metric::HOOKS_DISABLED)
                .with_description("Hooks that nothing is sent to although nobody said so")
                .build(),
            told: Mutex::default(),
        }
    }

    pub(crate) fn attempt(&self, kind: Kind, outcome: Outcome) {
        let labels = [KeyValue::new("kind", kind.as_str()), KeyValue::new("outcome", outcome.as_str())];
        self.attempts.add(1, &labels);
    }

    /// Tells what waits for each hook, zeros included, and why some get nothing.
    pub(crate) fn hooks(&self, hooks: &[Hook], backlogs: &[Backlog], now: OffsetDateTime) {
        for hook in hooks {
            let backlog = backlogs.iter().find(|backlog| backlog.hook_id == hook.id);
            let oldest = backlog.and_then(|backlog| backlog.oldest);
            let age = oldest.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0));
            self.waiting(&hook.name, backlog.map_or(0, |backlog| backlog.pending), age);
        }
        for reason in [Disabled::Gone, Disabled::Unreadable] {
            let count = hooks.iter().filter(|hook| hook.disabled == Some(reason)).count();
            self.disabled.record(count as u64, &[KeyValue::new("reason", reason.as_str())]);
        }
        let names: HashSet<_> = hooks.iter().map(|hook| hook.name.clone()).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in told.difference(&names) {
            self.waiting(gone, 0, 0.0);
        }
        *told = names;
    }

    fn waiting(&self, hook: &str, pending: i64, oldest_seconds: f64) {
        let label = [KeyValue::new("hook", hook.to_owned())];
        self.backlog.record(pending, &label);
        self.oldest.record(oldest_seconds, &label);
    }
}
