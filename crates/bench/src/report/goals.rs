//! What was to be reached, as ratios of rows of the same run.

use serde::Serialize;

use super::Row;

/// One goal and what was measured.
#[derive(Debug, Serialize)]
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) wanted: String,
    pub(super) measured: f64,
    pub(super) unit: &'static str,
    pub(super) reached: bool,
}

/// Every goal whose rows were measured.
pub(super) fn all(rows: &[Row]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (connections, factor) in [(8, 1.0), (256, 3.0), (1_024, 5.0)] {
        let edge = |mode| rate(rows, |row| is_edge(row, "always", mode, connections));
        at_least(
            &mut goals,
            format!("edge, always, {connections} connections: auto against single publishes"),
            ratio(edge("auto"), edge("single")),
            // What is to be no slower may be as much slower as two runs of the same thing differ.
            if connections == 8 { 0.9 } else { factor },
        );
    }
    for connections in [64, 256] {
        let floor = rate(rows, |row| {
            row.name == "axum + HMAC + publish" && row.connections == Some(connections) && row.kib == Some(1)
        });
        let edge = rate(rows, |row| is_edge(row, "lazy", "auto", connections));
        at_least(
            &mut goals,
            format!("edge, lazy fsync, {connections} connections: against HMAC + publish and nothing else"),
            ratio(edge, floor),
            0.85,
        );
    }
    let drain = |replicas| rate(rows, |row| row.group == "drain" && row.connections == Some(replicas));
    let raw = rate(rows, |row| row.name == "UNNEST, the same rows" && row.connections == Some(1));
    at_least(&mut goals, "drain: against raw UNNEST of the same rows".to_owned(), ratio(drain(1), raw), 0.6);
    at_least(
        &mut goals,
        "drain: two replicas against one (where cores allow)".to_owned(),
        ratio(drain(2), drain(1)),
        1.6,
    );
    for (rate, name, limit) in [
        (1_000, "POST to committed row", 15.0),
        (1_000, "POST to answer", 5.0),
        (5_000, "POST to committed row", 30.0),
    ] {
        let row = rows.iter().find(|row| row.name == name && row.rate == Some(rate));
        at_most(
            &mut goals,
            format!("{name} at {rate}/s, p99"),
            row.and_then(|row| row.millis(0.99)),
            limit,
            "ms",
        );
    }
    let edges = rows.iter().flat_map(|row| &row.memory).filter(|(who, _)| *who == "edge");
    at_most(
        &mut goals,
        "edge, memory under load".to_owned(),
        edges.map(|(_, mib)| *mib).reduce(f64::max),
        64.0,
        "MiB",
    );
    let slowest = rows.iter().filter_map(|row| row.ready_seconds).reduce(f64::max);
    at_most(&mut goals, "start to ready, the slowest service".to_owned(), slowest, 1.0, "s");
    goals
}

fn is_edge(row: &Row, fsync: &str, mode: &str, connections: usize) -> bool {
    row.group == "edge"
        && row.fsync == Some(fsync)
        && row.mode == Some(mode)
        && row.connections == Some(connections)
        && row.kib == Some(1)
}

fn rate(rows: &[Row], is_wanted: impl Fn(&Row) -> bool) -> Option<f64> {
    rows.iter().find(|row| is_wanted(row)).map(|row| row.per_second)
}

fn ratio(of: Option<f64>, to: Option<f64>) -> Option<f64> {
    Some(of? / to?)
}

fn at_least(goals: &mut Vec<Goal>, what: String, measured: Option<f64>, wanted: f64) {
    if let Some(measured) = measured {
        let reached = measured >= wanted;
        goals.push(Goal { what, wanted: format!("≥ {wanted}"), measured, unit: "×", reached });
    }
}

fn at_most(goals: &mut Vec<Goal>, what: String, measured: Option<f64>, wanted: f64, unit: &'static str) {
    if let Some(measured) = measured {
        let reached = measured < wanted;
        goals.push(Goal { what, wanted: format!("< {wanted} {unit}"), measured, unit, reached });
    }
}
