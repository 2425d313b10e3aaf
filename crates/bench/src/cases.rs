//! What is measured. Each case starts its own servers, so that none profits from another's.

mod drain;
mod edge;
mod floors;
mod jetstream;
mod postgres;
mod start;
mod steady;

use std::time::Duration;

use crate::{machine::Machine, report::Report};

/// How much of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) only: Vec<String>,
    pub(crate) period: Duration,
}

impl Plan {
    fn includes(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == group)
    }
}

pub(crate) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    if plan.includes("floor") {
        floors::run(plan, machine, report).await?;
    }
    if plan.includes("jetstream") {
        jetstream::run(plan, machine, report).await?;
    }
    if plan.includes("lazy") {
        edge::lazy(plan, machine, report).await?;
    }
    if plan.includes("edge") {
        edge::run(plan, machine, report).await?;
    }
    if plan.includes("postgres") || plan.includes("drain") {
        postgres::run(plan, machine, report).await?;
    }
    if plan.includes("drain") {
        drain::run(plan, machine, report).await?;
    }
    if plan.includes("steady") {
        steady::run(plan, machine, report).await?;
    }
    if plan.includes("start") {
        start::run(machine, report).await?;
    }
    Ok(())
}
