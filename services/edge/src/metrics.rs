//! What the edge counts. Labels are words of small sets.

use std::time::Duration;

use contract::{Code, metric};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, UpDownCounter},
};

use crate::provider::Tally;

/// The provider of what reached none.
pub(crate) const NO_PROVIDER: &str = "none";
/// One kilobyte to one gigabyte.
const SIZE_BOUNDARIES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// What became of an event, or of a request that brought several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// New and durable.
    Accepted,
    /// The stream had it.
    Duplicate,
    /// Invalid; kept for the record.
    Rejected,
}

pub(crate) struct Metrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
    body_size: Histogram<u64>,
    events: Counter<u64>,
    refusals: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = telemetry::meter();
        Self {
            duration: meter
                .f64_histogram(metric::HTTP_SERVER_REQUEST_DURATION)
                .with_unit("s")
                .with_description("Duration of HTTP requests.")
                .build(),
            active: meter
                .i64_up_down_counter(metric::HTTP_SERVER_ACTIVE_REQUESTS)
                .with_unit("{request}")
                .with_description("HTTP requests being handled.")
                .build(),
            body_size: meter
                .u64_histogram(metric::HTTP_SERVER_REQUEST_BODY_SIZE)
                .with_unit("By")
                .with_description("Size of accepted request bodies.")
                .with_boundaries(SIZE_BOUNDARIES.to_vec())
                .build(),
            events: meter
                .u64_counter(metric::EDGE_EVENTS)
                .with_description("Events out of deliveries, by what became of them.")
                .build(),
            refusals: meter
                .u64_counter(metric::EDGE_REFUSALS)
                .with_description(
                    "Requests refused. Unauthorized, forbidden and rate limited are security events.",
                )
                .build(),
        }
    }

    /// Counts a request in; the guard counts it out, however it ends.
    pub(crate) fn enter(&self, method: &'static str) -> Active {
        let label = [KeyValue::new("http.request.method", method)];
        self.active.add(1, &label);
        Active { active: self.active.clone(), label }
    }

    pub(crate) fn answered(
        &self,
        method: &'static str,
        route: Option<String>,
        status: u16,
        elapsed: Duration,
    ) {
        let mut labels = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        labels.extend(route.map(|route| KeyValue::new("http.route", route)));
        self.duration.record(elapsed.as_secs_f64(), &labels);
    }

    pub(crate) fn body(&self, provider: &'static str, bytes: usize) {
        self.body_size.record(bytes as u64, &[KeyValue::new("provider", provider)]);
    }

    /// Counts what became of a delivery's events.
    pub(crate) fn tally(&self, provider: &'static str, tally: &Tally) {
        for (outcome, count) in [
            (Outcome::Accepted, tally.processed),
            (Outcome::Duplicate, tally.duplicates),
            (Outcome::Rejected, tally.rejected),
        ] {
            self.events(provider, outcome, count);
        }
    }

    fn events(&self, provider: &'static str, outcome: Outcome, count: usize) {
        if count == 0 {
            return;
        }
        let outcome = match outcome {
            Outcome::Accepted => "accepted",
            Outcome::Duplicate => "duplicate",
            Outcome::Rejected => "rejected",
        };
        self.events
            .add(count as u64, &[KeyValue::new("provider", provider), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn refused(&self, provider: &'static str, code: Code) {
        self.refusals.add(1, &[KeyValue::new("provider", provider), KeyValue::new("code", code.as_str())]);
    }
}

/// One request being handled.
pub(crate) struct Active {
    active: UpDownCounter<i64>,
    label: [KeyValue; 1],
}

impl Drop for Active {
    fn drop(&mut self) {
        self.active.add(-1, &self.label);
    }
}
