//! Waiting for what will be so, without sleeping longer than needed.

use std::time::Duration;

use tokio::time::{sleep, timeout};

const POLL: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it gives a value, which is returned.
///
/// # Panics
/// With `what`, when `deadline` passes first, be it inside the probe.
pub async fn eventually<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            sleep(POLL).await;
        }
    };
    let Ok(value) = timeout(deadline, asking).await else {
        panic!("not within {deadline:?}: {what}");
    };
    value
}
