//! How long a service takes from its start until it is ready.

use crate::{
    cases::{drain, edge},
    machine::{Fsync, Machine},
    process::{Listen, Program},
    report::{Report, Row},
};

pub(super) async fn run(machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let broker = machine.broker(Fsync::Always).await?;
    let database = machine.database().await?;
    let mut started = vec![
        ("weir-edge", edge::start(&broker, "auto", machine).await?),
        ("weir-c2s", drain::consumer(&broker, &database, machine).await?),
    ];
    let env = [("WEIR_NATS__URLS", broker.urls()), ("WEIR_POSTGRES__URL", database.url.clone())];
    for (name, listen) in [
        ("weir-instagram", "WEIR_INSTAGRAM__PROBE_LISTEN"),
        ("weir-brightdata", "WEIR_BRIGHTDATA__PROBE_LISTEN"),
        ("weir-zapier", "WEIR_ZAPIER__PROBE_LISTEN"),
        ("weir-dead-letters", "WEIR_DEAD_LETTERS__PROBE_LISTEN"),
    ] {
        started.push((name, Program::start(name, Listen::Setting(listen), &env, machine.logs()).await?));
    }
    for (name, program) in started {
        let mut row = Row::new("start", name);
        row.ready_seconds = Some(program.ready_after.as_secs_f64());
        report.add(row)?;
    }
    Ok(())
}
