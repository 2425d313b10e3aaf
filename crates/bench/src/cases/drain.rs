//! Consumers on a stream that was filled before: how fast events become rows.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::{
    cases::{Plan, edge},
    load::Load,
    machine::{Broker, Database, Fsync, Machine},
    process::{Listen, Program, cpu, peak_memory_mib},
    report::{Report, Row},
    traffic::Sender,
};

const STREAM: &str = contract::stream::c2s::STREAM;
const CONSUMER: &str = contract::stream::c2s::LEADS_CONSUMER;
/// How long a drain may take.
const WITHIN: Duration = Duration::from_mins(3);

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    for replicas in [1, 2] {
        let mut broker = machine.broker(Fsync::Lazy).await?;
        let mut database = machine.database().await?;
        let events = fill(plan, machine, report, &broker).await?;
        drain(machine, report, &mut broker, &mut database, replicas, events).await?;
    }
    Ok(())
}

/// Fills the stream through the edge; how many events it holds then.
async fn fill(plan: &Plan, machine: &Machine, report: &mut Report, broker: &Broker) -> anyhow::Result<u64> {
    let edge = edge::start(broker, "auto", machine).await?;
    let load = Load {
        address: edge.address,
        sender: Sender::C2s,
        run: report.next_run(),
        size: 1_024,
        connections: 64,
        rate: None,
        period: plan.period * 2,
    };
    Ok(load.run().await?.accepted)
}

async fn drain(
    machine: &Machine,
    report: &mut Report,
    broker: &mut Broker,
    database: &mut Database,
    replicas: usize,
    events: u64,
) -> anyhow::Result<()> {
    let nats_pids = broker.pids();
    let before = (cpu(&nats_pids), cpu(&database.pids()));
    let mut consumers = Vec::new();
    let starting = (0..replicas).map(|_| consumer(broker, database, machine));
    let started = Instant::now();
    for consumer in futures::future::join_all(starting).await {
        consumers.push(consumer?);
    }
    let (mut first, mut done) = (None, 0);
    while done < events {
        ensure!(started.elapsed() < WITHIN, "{done} of {events} events are settled after {WITHIN:?}");
        done = settled(broker).await?;
        if first.is_none() && done > 0 {
            first = Some((Instant::now(), done));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (since, already) = first.unwrap_or((started, 0));
    let elapsed = since.elapsed();
    let stored = rows(database).await?;
    ensure!(stored == events, "{events} events are settled and {stored} are rows");
    let mut row = Row::new("drain", "weir-c2s").connections(replicas).size(1);
    row.per_second = (events - already) as f64 / elapsed.as_secs_f64();
    let pids: Vec<_> = consumers.iter().map(|consumer| consumer.process.pid()).collect();
    // They did nothing else since they were started.
    row.cpu_seconds("weir-c2s", cpu(&pids).since(cpu(&[])), events);
    row.cpu_seconds("nats", cpu(&nats_pids).since(before.0), events);
    row.cpu_seconds("postgres", cpu(&database.pids()).since(before.1), events);
    row.memory("weir-c2s", peak_memory_mib(&pids));
    row.memory("nats", peak_memory_mib(&nats_pids));
    row.memory("postgres", peak_memory_mib(&database.pids()));
    report.add(row)
}

/// Starts the consumer of leads.
pub(super) async fn consumer(
    broker: &Broker,
    database: &Database,
    machine: &Machine,
) -> anyhow::Result<Program> {
    let env = [("WEIR_NATS__URLS", broker.urls()), ("WEIR_POSTGRES__URL", database.url.clone())];
    Program::start("weir-c2s", Listen::Setting("WEIR_C2S__PROBE_LISTEN"), &env, machine.logs()).await
}

/// Events that the consumer has settled. Asked of the broker, since counting rows would cost the database time that is
/// to be measured.
async fn settled(broker: &Broker) -> anyhow::Result<u64> {
    let stream = broker.bus.jetstream().get_stream_no_info(STREAM).await?;
    let info = stream.consumer_info(CONSUMER).await?;
    Ok(info.delivered.consumer_sequence.saturating_sub(info.num_ack_pending as u64))
}

/// Completed rows of the ledger.
pub(super) async fn rows(database: &Database) -> anyhow::Result<u64> {
    let count: i64 = sqlx::query_scalar("select count(*) from webhook_events where status = 'completed'")
        .fetch_one(&database.pool)
        .await?;
    Ok(u64::try_from(count)?)
}
