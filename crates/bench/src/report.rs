//! What was measured: rows as they come in, and at the end the goals, a JSON file and a plot.

mod goals;
mod plot;
mod table;

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{cases::Plan, load::Outcome, machine::Machine};

/// One measurement.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) fsync: Option<&'static str>,
    pub(crate) mode: Option<&'static str>,
    pub(crate) kib: Option<usize>,
    /// Connections, events in flight, or replicas.
    pub(crate) connections: Option<usize>,
    /// Deliveries a second that were asked for.
    pub(crate) rate: Option<u64>,
    /// Deliveries, events or rows a second that were done.
    pub(crate) per_second: f64,
    pub(crate) failed: u64,
    /// Microseconds.
    pub(crate) latency: Option<Histogram<u64>>,
    pub(crate) fsyncs_per_event: Option<f64>,
    pub(crate) ready_seconds: Option<f64>,
    /// CPU milliseconds for a thousand events, by process.
    pub(crate) cpu: Vec<(&'static str, f64)>,
    /// Peak resident memory, MiB, by process.
    pub(crate) memory: Vec<(&'static str, f64)>,
}

impl Row {
    pub(crate) fn new(group: &'static str, name: &'static str) -> Self {
        Self {
            group,
            name,
            fsync: None,
            mode: None,
            kib: None,
            connections: None,
            rate: None,
            per_second: 0.0,
            failed: 0,
            latency: None,
            fsyncs_per_event: None,
            ready_seconds: None,
            cpu: Vec::new(),
            memory: Vec::new(),
        }
    }

    pub(crate) fn of_load(mut self, outcome: &Outcome) -> Self {
        self.per_second = outcome.accepted as f64 / outcome.elapsed.as_secs_f64();
        self.failed = outcome.failed;
        self.latency = Some(outcome.latency.clone());
        self
    }

    pub(crate) fn size(mut self, kib: usize) -> Self {
        self.kib = Some(kib);
        self
    }

    pub(crate) fn connections(mut self, connections: usize) -> Self {
        self.connections = Some(connections);
        self
    }

    pub(crate) fn cpu_seconds(&mut self, who: &'static str, seconds: f64, events: u64) {
        self.cpu.push((who, seconds * 1e6 / events.max(1) as f64));
    }

    pub(crate) fn memory(&mut self, who: &'static str, mib: f64) {
        self.memory.push((who, mib));
    }

    /// Milliseconds at a quantile.
    fn millis(&self, quantile: f64) -> Option<f64> {
        self.latency.as_ref().map(|latency| latency.value_at_quantile(quantile) as f64 / 1_000.0)
    }

    fn json(&self) -> Value {
        json!({
            "group": self.group, "name": self.name, "fsync": self.fsync, "publish_mode": self.mode,
            "body_kib": self.kib, "connections": self.connections, "rate_per_second": self.rate,
            "per_second": self.per_second, "failed": self.failed,
            "latency_ms": self.latency.as_ref().map(|_| json!({
                "p50": self.millis(0.5), "p90": self.millis(0.9), "p99": self.millis(0.99),
                "p999": self.millis(0.999), "max": self.millis(1.0),
            })),
            "fsyncs_per_event": self.fsyncs_per_event,
            "ready_seconds": self.ready_seconds,
            "cpu_us_per_event": by_name(&self.cpu),
            "peak_memory_mib": by_name(&self.memory),
        })
    }
}

fn by_name(values: &[(&'static str, f64)]) -> Value {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// All of a run.
#[derive(Debug)]
pub(crate) struct Report {
    about: About,
    rows: Vec<Row>,
    runs: u64,
}

/// Where and how it was measured.
#[derive(Debug, Serialize)]
struct About {
    started: String,
    cores: usize,
    kernel: String,
    nats_server: String,
    postgres: String,
    quick: bool,
    seconds_per_case: f64,
}

impl Report {
    pub(crate) fn new(machine: &Machine, plan: &Plan) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let about = About {
            started: time::OffsetDateTime::now_utc().to_string(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: kernel.trim().to_owned(),
            nats_server: machine.nats_version.clone(),
            postgres: machine.postgres_version.clone(),
            quick: plan.quick,
            seconds_per_case: plan.period.as_secs_f64(),
        };
        Self { about, rows: Vec::new(), runs: 0 }
    }

    /// A number that no other load of this run has.
    pub(crate) fn next_run(&mut self) -> u64 {
        self.runs += 1;
        self.runs
    }

    /// Adds a row, and shows it.
    pub(crate) fn add(&mut self, row: Row) -> anyhow::Result<()> {
        table::line(&row)?;
        ensure!(
            row.failed == 0 || row.per_second > 0.0,
            "{} {}: nothing was accepted, {} failed",
            row.group,
            row.name,
            row.failed
        );
        self.rows.push(row);
        Ok(())
    }

    /// Shows the goals, and writes the JSON and the plot.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let goals = goals::all(&self.rows);
        table::print(&self.rows, &goals)?;
        let document = json!({
            "about": self.about,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "goals": goals,
        });
        fs::write(folder.join("results.json"), serde_json::to_string_pretty(&document)?)?;
        plot::write(&self.rows, &folder.join("results.svg"))?;
        table::said(&format!("\n{0}/results.json and {0}/results.svg hold all of it", folder.display()))
    }
}
