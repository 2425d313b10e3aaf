//! Who is killed, and for how long.

use std::time::Duration;

use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The edge is killed.
    EdgeKilled,
    /// The edge is told to stop.
    EdgeStopped,
    /// A replica of the lead store is killed.
    LeadsKilled(usize),
    /// A replica of the lead store is told to stop.
    LeadsStopped(usize),
    /// The store of Instagram's events is killed.
    InstagramKilled,
    /// The recorder of dead letters is killed.
    RecorderKilled,
    /// The broker is killed.
    BrokerKilled,
    /// The broker freezes.
    BrokerFrozen,
    /// The database is killed.
    DatabaseKilled,
    /// Every consumer is killed at once.
    ConsumersKilled,
    /// Broker and database are killed at once.
    ServersKilled,
}

/// Replicas of the lead store.
pub(crate) const LEADS: usize = 2;

pub(crate) fn pick(rng: &mut StdRng) -> Fault {
    let replica = rng.random_range(0..LEADS);
    let faults = [
        Fault::EdgeKilled,
        Fault::EdgeKilled,
        Fault::EdgeStopped,
        Fault::LeadsKilled(replica),
        Fault::LeadsKilled(replica),
        Fault::LeadsStopped(replica),
        Fault::InstagramKilled,
        Fault::InstagramKilled,
        Fault::RecorderKilled,
        Fault::BrokerKilled,
        Fault::BrokerKilled,
        Fault::BrokerFrozen,
        Fault::DatabaseKilled,
        Fault::DatabaseKilled,
        Fault::ConsumersKilled,
        Fault::ServersKilled,
    ];
    *faults.choose(rng).expect("there are some")
}

/// How long nothing happens before a fault.
pub(crate) fn quiet(rng: &mut StdRng) -> Duration {
    Duration::from_millis(rng.random_range(500..3_000))
}

/// How long what was killed stays away.
pub(crate) fn downtime(rng: &mut StdRng) -> Duration {
    Duration::from_millis(rng.random_range(0..1_000))
}
