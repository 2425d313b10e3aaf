//! From the POST to the committed row, at a constant rate, with everything on one machine. The moment of the commit is
//! PostgreSQL's own (`track_commit_timestamp`); the moment of the POST is when it was due.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sqlx::Row as _;

use crate::{
    cases::{Plan, drain, edge},
    load::{Load, histogram},
    machine::{Database, Fsync, Machine},
    process::{cpu, peak_memory_mib},
    report::{Report, Row},
    traffic::{Sender, first_of, number_in},
};

/// How long the last rows may take after the load has ended.
const WITHIN: Duration = Duration::from_mins(1);

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    for rate in [1_000, 5_000] {
        measure(plan, machine, report, rate).await?;
    }
    Ok(())
}

async fn measure(plan: &Plan, machine: &Machine, report: &mut Report, rate: u64) -> anyhow::Result<()> {
    let mut broker = machine.broker(Fsync::Always).await?;
    let mut database = machine.database().await?;
    let edge = edge::start(&broker, "auto", machine).await?;
    let consumer = drain::consumer(&broker, &database, machine).await?;
    let load = |run, period| Load {
        address: edge.address,
        sender: Sender::C2s,
        run,
        size: 1_024,
        connections: 256,
        rate: Some(rate),
        period,
    };
    // What everybody prepares at first use is not the question.
    let warm = load(report.next_run(), Duration::from_secs(1)).run().await?.accepted;
    let (nats_pids, edge_pid, consumer_pid) = (broker.pids(), edge.process.pid(), consumer.process.pid());
    let before = [cpu(&[edge_pid]), cpu(&nats_pids), cpu(&[consumer_pid]), cpu(&database.pids())];
    let run = report.next_run();
    let outcome = load(run, plan.period * 2).run().await?;
    let ended = Instant::now();
    while drain::rows(&database).await? < warm + outcome.accepted {
        ensure!(ended.elapsed() < WITHIN, "not every accepted lead is a row");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = [cpu(&[edge_pid]), cpu(&nats_pids), cpu(&[consumer_pid]), cpu(&database.pids())];
    let committed = committed(&database, run).await?;
    let mut to_row = histogram();
    for (number, due) in &outcome.sent {
        let at = committed.get(number);
        ensure!(at.is_some(), "lead {number} was accepted and is no row");
        to_row.saturating_record(u64::try_from(at.unwrap_or(&0) - due).unwrap_or(1).max(1));
    }
    for (name, latency) in [("POST to answer", outcome.latency.clone()), ("POST to committed row", to_row)] {
        let mut row = Row::new("steady", name).of_load(&outcome).size(1).connections(256);
        row.rate = Some(rate);
        row.fsync = Some(Fsync::Always.as_str());
        row.latency = Some(latency);
        for ((who, after), before) in
            ["edge", "nats", "weir-c2s", "postgres"].into_iter().zip(after).zip(before)
        {
            row.cpu_seconds(who, after.since(before), outcome.accepted);
        }
        row.memory("edge", peak_memory_mib(&[edge_pid]));
        row.memory("nats", peak_memory_mib(&nats_pids));
        row.memory("weir-c2s", peak_memory_mib(&[consumer_pid]));
        row.memory("postgres", peak_memory_mib(&database.pids()));
        report.add(row)?;
    }
    Ok(())
}

/// When the row of each lead of a run was committed, microseconds since the epoch.
async fn committed(database: &Database, run: u64) -> anyhow::Result<HashMap<u64, i64>> {
    let rows = sqlx::query(
        "select lead_id, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint as at
         from webhook_events where lead_id is not null",
    )
    .fetch_all(&database.pool)
    .await?;
    let of_run = first_of(run)..first_of(run + 1);
    let mut committed = HashMap::with_capacity(rows.len());
    for row in rows {
        let lead: String = row.try_get("lead_id")?;
        if let Some(number) = number_in(&lead).filter(|number| of_run.contains(number)) {
            committed.insert(number, row.try_get("at")?);
        }
    }
    Ok(committed)
}
