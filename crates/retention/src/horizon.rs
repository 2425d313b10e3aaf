//! How long an event must be remembered, so that it is not taken for a new one.

use std::time::Duration;

use bus::{Bus, Topology};
use contract::stream::PROVIDERS;

/// Beside what streams remember: clocks differ, and a message may be in somebody's hands when its stream drops it.
const MARGIN: Duration = Duration::from_hours(24);

/// As long as any provider's stream may deliver a message again, or drop a repeat of it by itself. Asked of the server,
/// where an operator may have made a stream keep longer than the topology says.
///
/// # Errors
/// The broker did not answer.
pub async fn horizon(bus: &Bus) -> anyhow::Result<Duration> {
    let topology = Topology::embedded();
    let mut longest = Duration::ZERO;
    for (_, stream) in PROVIDERS {
        let described = topology.streams.get(*stream).map(|spec| {
            Duration::from_hours(spec.max_age_hours) + Duration::from_secs(spec.duplicate_window_seconds)
        });
        let found = topology.stream_state(bus, stream).await?.map(|state| {
            Duration::from_secs(state.max_age_seconds.saturating_add(state.duplicate_window_seconds))
        });
        longest = longest.max(described.unwrap_or_default()).max(found.unwrap_or_default());
    }
    Ok(longest + MARGIN)
}
