//! The least that a server could do with a delivery: read it, check its signature.

use crate::{
    cases::Plan,
    floor::Work,
    load::Load,
    machine::Machine,
    process::{Listen, Program, cpu, peak_memory_mib},
    report::{Report, Row},
    traffic::Sender,
};

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let sizes: &[usize] = if plan.quick { &[1] } else { &[1, 16, 256] };
    for work in [Work::Read, Work::Hmac] {
        let floor = start(work, None, machine).await?;
        for &kib in sizes {
            measure(plan, report, &floor, work, None, (kib, 64)).await?;
        }
    }
    Ok(())
}

/// Starts a floor.
pub(super) async fn start(work: Work, nats: Option<&str>, machine: &Machine) -> anyhow::Result<Program> {
    let word = match work {
        Work::Read => "read",
        Work::Hmac => "hmac",
        Work::Publish => "publish",
    };
    let mut flags = vec!["floor", "--work", word];
    flags.extend(nats.iter().flat_map(|url| ["--nats", url]));
    Program::start("weir-bench", Listen::Flags(&flags), &[], machine.logs()).await
}

/// Measures a floor in the closed loop.
pub(super) async fn measure(
    plan: &Plan,
    report: &mut Report,
    floor: &Program,
    work: Work,
    fsync: Option<&'static str>,
    (kib, connections): (usize, usize),
) -> anyhow::Result<()> {
    let name = match work {
        Work::Read => "bare axum",
        Work::Hmac => "axum + HMAC",
        Work::Publish => "axum + HMAC + publish",
    };
    let before = cpu(&[floor.process.pid()]);
    let outcome = Load {
        address: floor.address,
        sender: Sender::Instagram,
        run: report.next_run(),
        size: kib * 1024,
        connections,
        rate: None,
        period: plan.period,
    }
    .run()
    .await?;
    let spent = cpu(&[floor.process.pid()]).since(before);
    let mut row = Row::new("floor", name).of_load(&outcome).size(kib).connections(connections);
    row.fsync = fsync;
    row.cpu_seconds("server", spent, outcome.accepted);
    row.memory("server", peak_memory_mib(&[floor.process.pid()]));
    report.add(row)
}
