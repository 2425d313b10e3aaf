//! The short version of the randomized test; `cargo xtask chaos` runs the long one.

use std::time::Duration;

use e2e::chaos::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_answered_200_is_completed_once_or_dead_once_whoever_is_killed() {
    let seed = rand::random_range(0..1_000_000);
    println!("seed {seed}: `cargo xtask chaos --seed {seed}` does the same for longer");
    let plan = Plan { seed, time: Duration::from_secs(12), senders: 4 };
    let report = chaos::run(plan, std::future::pending()).await;
    println!("{report}");
    assert!(report.violations.is_empty(), "seed {seed}: {:#?}", report.violations);
    assert!(report.accepted > 50, "hardly anything was sent: {report}");
}
