//! Everything is killed at random while events flow; then each of them is looked for, by its id.
//!
//! A run is decided by its seed: which events are sent, in which deliveries, and who is killed in which order. What the
//! machine makes of it (who was at which statement) is not, so that a seed shows a fault again sooner or later, not
//! always at once.

mod cluster;
mod event;
mod fault;
mod report;
mod traffic;
mod verdict;

use std::{pin::pin, sync::Arc, time::Duration};

use rand::{SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;

use cluster::Cluster;
pub use report::Report;
use traffic::Traffic;

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides what happens.
    pub seed: u64,
    /// How long things are killed.
    pub time: Duration,
    /// Deliveries at one time.
    pub senders: usize,
}

/// Runs it and says what came out; [`Report::violations`] is empty where every promise held. When `asked` resolves, nothing
/// more is killed, and what was sent until then is looked for.
pub async fn run(plan: Plan, asked: impl Future<Output = ()>) -> Report {
    let began = Instant::now();
    let mut cluster = Cluster::start().await;
    let traffic = Arc::new(Traffic::new(plan.seed, cluster.edge_port()));
    let senders: Vec<_> = (0..plan.senders).map(|_| Arc::clone(&traffic).send()).collect();
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut faults = Vec::new();
    let tormenting = async {
        let end = tokio::time::sleep(plan.time);
        let (mut end, mut asked) = (pin!(end), pin!(asked));
        loop {
            // Quiet, so that something is under way when the next one dies.
            let quiet = tokio::time::sleep(fault::quiet(&mut rng));
            tokio::select! {
                () = &mut asked => break,
                () = &mut end => break,
                () = quiet => {}
            }
            let fault = fault::pick(&mut rng);
            cluster.strike(fault, fault::downtime(&mut rng)).await;
            faults.push(fault);
        }
        traffic.stop();
    };
    let ((), _) = futures::join!(tormenting, futures::future::join_all(senders));
    let sent = traffic.sent();
    let settling = Instant::now();
    let settled = cluster.settle().await;
    let verdict = verdict::of(&cluster, &sent, settled).await;
    let logs = cluster.end(!verdict.violations.is_empty());
    Report::new(plan, (began.elapsed(), settling.elapsed()), &faults, &sent, verdict, logs)
}
