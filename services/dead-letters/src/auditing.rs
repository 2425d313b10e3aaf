//! Audits every stream, again and again, and says in metrics what came out.

use std::error::Error;

use audit::{Auditor, Report, Secondary, SetBack};
use bus::Bus;
use contract::metric;
use lifecycle::Shutdown;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge},
};
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};

/// Audits until the process drains. One replica at a time audits a stream; the others leave it alone.
pub(crate) async fn run(
    bus: Bus,
    pool: PgPool,
    nats: config::Nats,
    settings: config::Audit,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let auditor = Auditor::new(&bus, &pool, &nats, &settings);
    let gauges = Gauges::new();
    let mut ticks = interval(settings.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.draining() => return Ok(()),
        }
        for provider in Auditor::providers() {
            let passing = auditor.pass(provider, OffsetDateTime::now_utc());
            let passed = tokio::select! {
                passed = passing => passed,
                // What it has begun is safe to leave: every step is, and the next audit takes it up.
                () = shutdown.draining() => return Ok(()),
            };
            match passed {
                Ok(Some(report)) => {
                    gauges.record(&report, OffsetDateTime::now_utc());
                    tell(&report);
                }
                // Another replica is at it: this one says what the last audit did.
                Ok(None) => match auditor.last(provider).await {
                    Ok(last) => last.into_iter().for_each(|(report, at)| gauges.show(&report, at)),
                    Err(error) => debug!(provider, error = &error as &dyn Error, "last audit not read"),
                },
                Err(error) => warn!(provider, error = &error as &dyn Error, "not audited"),
            }
        }
    }
}

fn tell(report: &Report) {
    let Report { provider, healed, .. } = report;
    if healed.dead + healed.again + healed.claims > 0 {
        info!(
            provider,
            dead = healed.dead,
            again = healed.again,
            claims = healed.claims,
            "an audit healed what was wrong"
        );
    }
    if report.unaccounted > 0 {
        let first = report.suspects.first().map(|suspect| suspect.sequence);
        error!(
            provider,
            unaccounted = report.unaccounted,
            first,
            "accepted events are unaccounted for: `weir audit` tells which"
        );
    }
    if let Some(SetBack { reached, ends_at }) = report.set_back {
        error!(provider, reached, ends_at, "a stream was set back: `weir audit` tells what to do");
    }
    for secondary in report.secondaries.iter().filter(|secondary| secondary.unseen > 0) {
        let Secondary { consumer, unseen, .. } = secondary;
        warn!(provider, consumer, unseen, "events were settled without a word of their consumer");
    }
}

struct Gauges {
    events: Gauge<i64>,
    unaccounted: Gauge<i64>,
    open: Gauge<i64>,
    last: Gauge<i64>,
    healed: Counter<u64>,
    recorded: Counter<u64>,
}

impl Gauges {
    fn new() -> Self {
        let meter = telemetry::meter();
        let gauge = |name, description| meter.i64_gauge(name).with_description(description).build();
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            events: gauge(metric::AUDITED_EVENTS, "Events of a stream by what became of them"),
            unaccounted: gauge(metric::UNACCOUNTED_EVENTS, "Accepted events that are none of these"),
            open: gauge(metric::DEAD_LETTERS_OPEN, "Dead letters that nobody has decided about"),
            last: gauge(metric::AUDIT_LAST, "When the last audit ended, Unix seconds"),
            healed: counter(metric::AUDIT_HEALED, "What audits healed"),
            recorded: counter(
                metric::DEAD_LETTERS_RECORDED,
                "Dead letters recorded without their consumer's verdict",
            ),
        }
    }

    /// What an audit of this process found, and what it did.
    fn record(&self, report: &Report, now: OffsetDateTime) {
        self.show(report, now);
        let provider = || KeyValue::new("provider", report.provider.clone());
        let healed = report.healed;
        for (kind, count) in [("dead", healed.dead), ("again", healed.again), ("claim", healed.claims)] {
            self.healed.add(count, &[provider(), KeyValue::new("kind", kind)]);
        }
        self.recorded.add(healed.dead, &[provider(), KeyValue::new("found_by", "reconciler")]);
    }

    /// What an audit found, whoever made it.
    fn show(&self, report: &Report, at: OffsetDateTime) {
        let provider = || KeyValue::new("provider", report.provider.clone());
        for (state, events) in [
            ("accepted", report.accepted),
            ("pending", report.pending),
            ("completed", report.completed),
            ("dead", report.dead),
            ("duplicate", report.duplicates),
            ("directed", report.directed),
        ] {
            self.events.record(events, &[provider(), KeyValue::new("state", state)]);
        }
        self.unaccounted.record(report.unaccounted, &[provider()]);
        self.open.record(report.dead_letters_open, &[provider()]);
        self.last.record(at.unix_timestamp(), &[provider()]);
    }
}
