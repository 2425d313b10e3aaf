//! The edge in the closed loop: deliveries that are durable when they are answered. Every accepted one is looked for on
//! the stream afterwards.

use std::collections::HashSet;

use anyhow::ensure;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures::TryStreamExt as _;

use crate::{
    cases::{Plan, floors},
    floor::Work,
    load::Load,
    machine::{Broker, Fsync, Machine},
    process::{Fsyncs, Listen, Program, cpu, peak_memory_mib},
    report::{Report, Row},
    traffic::{SECRET, Sender, number_in},
};

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let connections: &[usize] = if plan.quick { &[8, 256] } else { &[8, 64, 256, 1_024] };
    for mode in ["single", "auto"] {
        let loads: Vec<_> = connections.iter().map(|&connections| (1, connections)).collect();
        series(plan, machine, report, Fsync::Always, mode, &loads).await?;
    }
    if !plan.quick {
        series(plan, machine, report, Fsync::Always, "auto", &[(16, 64), (256, 16)]).await?;
        series(plan, machine, report, Fsync::ThreeNodes, "single", &[(1, 256)]).await?;
        series(plan, machine, report, Fsync::ThreeNodes, "auto", &[(1, 8), (1, 256)]).await?;
    }
    Ok(())
}

/// The edge beside a handler that does nothing but what must be done, on the same broker.
pub(super) async fn lazy(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let broker = machine.broker(Fsync::Lazy).await?;
    let floor = floors::start(Work::Publish, Some(&broker.urls()), machine).await?;
    for connections in [64, 256] {
        floors::measure(plan, report, &floor, Work::Publish, Some("lazy"), (1, connections)).await?;
    }
    drop(floor);
    drop(broker);
    series(plan, machine, report, Fsync::Lazy, "auto", &[(1, 64), (1, 256)]).await
}

/// Starts the edge, without any database.
pub(super) async fn start(broker: &Broker, mode: &str, machine: &Machine) -> anyhow::Result<Program> {
    let env = [
        ("WEIR_NATS__URLS", broker.urls()),
        ("WEIR_NATS__PUBLISH_MODE", mode.to_owned()),
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET.to_owned()),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", "true".to_owned()),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS", SECRET.to_owned()),
        // One address sends everything here.
        ("WEIR_EDGE__RATE_PER_SECOND", "1000000".to_owned()),
        ("WEIR_EDGE__RATE_BURST", "1000000".to_owned()),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__RATE_PER_MINUTE", "100000000".to_owned()),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__RATE_BURST", "1000000".to_owned()),
        ("WEIR_EDGE__PROVIDERS__C2S__RATE_PER_MINUTE", "100000000".to_owned()),
        ("WEIR_EDGE__PROVIDERS__C2S__RATE_BURST", "1000000".to_owned()),
    ];
    Program::start("weir-edge", Listen::Setting("WEIR_EDGE__LISTEN"), &env, machine.logs()).await
}

async fn series(
    plan: &Plan,
    machine: &Machine,
    report: &mut Report,
    fsync: Fsync,
    mode: &'static str,
    loads: &[(usize, usize)],
) -> anyhow::Result<()> {
    let mut broker = machine.broker(fsync).await?;
    let edge = start(&broker, mode, machine).await?;
    let mut accepted = HashSet::new();
    for &(kib, connections) in loads {
        let (edge_pid, nats_pids) = (edge.process.pid(), broker.pids());
        let load = Load {
            address: edge.address,
            sender: Sender::Instagram,
            run: report.next_run(),
            size: kib * 1024,
            connections,
            rate: None,
            period: plan.period,
        };
        let fsyncs = (fsync == Fsync::Always).then(|| Fsyncs::watch(&nats_pids)).flatten();
        let before = (cpu(&[edge_pid]), cpu(&nats_pids));
        let outcome = load.run().await?;
        let fsyncs = fsyncs.and_then(Fsyncs::count);
        let mut row = Row::new("edge", "edge").of_load(&outcome).size(kib).connections(connections);
        row.fsync = Some(fsync.as_str());
        row.mode = Some(mode);
        row.cpu_seconds("edge", cpu(&[edge_pid]).since(before.0), outcome.accepted);
        row.cpu_seconds("nats", cpu(&nats_pids).since(before.1), outcome.accepted);
        row.memory("edge", peak_memory_mib(&[edge_pid]));
        row.memory("nats", peak_memory_mib(&nats_pids));
        row.fsyncs_per_event = fsyncs.map(|fsyncs| fsyncs as f64 / outcome.accepted.max(1) as f64);
        accepted.extend(outcome.sent.into_iter().map(|(number, _)| number));
        report.add(row)?;
    }
    verify(&broker, &accepted).await
}

/// Every delivery that was answered 200 is on the stream.
async fn verify(broker: &Broker, accepted: &HashSet<u64>) -> anyhow::Result<()> {
    let mut stream = broker.bus.jetstream().get_stream("INSTAGRAM").await?;
    let messages = stream.info().await?.state.messages;
    let reader = pull::Config {
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::All,
        headers_only: true,
        ..pull::Config::default()
    };
    let reader = stream.create_consumer(reader).await?;
    let mut missing = accepted.clone();
    let mut read = 0;
    while read < messages {
        let mut batch = reader.fetch().max_messages(10_000).messages().await?;
        let mut any = false;
        while let Some(message) = batch.try_next().await.map_err(anyhow::Error::from_boxed)? {
            any = true;
            read += 1;
            let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
            if let Some(number) = id.and_then(|id| number_in(id.as_str())) {
                missing.remove(&number);
            }
        }
        ensure!(any, "the stream told of {messages} messages and gave {read}");
    }
    ensure!(missing.is_empty(), "{} accepted deliveries are not on the stream", missing.len());
    Ok(())
}
