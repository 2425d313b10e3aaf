//! Refused requests in metrics and log. A flood of them must not become a flood of lines.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::Code;
use tokio::time::Instant;
use tracing::{Level, debug, error, warn};

use crate::{error::Refusal, http::Exchange, metrics::Metrics};

/// One line per provider and code in this time; it says how many it stands for.
const QUIET: Duration = Duration::from_secs(10);

/// Counts every refusal, logs some.
pub(crate) struct Refusals {
    metrics: Arc<Metrics>,
    // As many entries as there are providers times codes.
    windows: Mutex<HashMap<(&'static str, Code), Window>>,
}

struct Window {
    until: Instant,
    suppressed: u64,
}

impl Refusals {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, windows: Mutex::default() }
    }

    pub(crate) fn note(&self, provider: &'static str, refusal: &Refusal, exchange: &Exchange) {
        let (status, code) = refusal.parts();
        self.metrics.refused(provider, code);
        let Some(suppressed) = self.due(provider, code) else { return };
        let (status, code, cause) = (status.as_u16(), code.as_str(), refusal as &dyn Error);
        let (span, id, route) = (&exchange.span, exchange.id, exchange.route());
        match refusal.level() {
            Level::ERROR => {
                error!(parent: span, weir.delivery.id = %id, http.route = route, provider, code, status, suppressed, error = cause, "request failed");
            }
            Level::WARN => {
                warn!(parent: span, weir.delivery.id = %id, http.route = route, provider, code, status, suppressed, "request refused");
            }
            _ => {
                debug!(parent: span, weir.delivery.id = %id, http.route = route, provider, code, status, suppressed, "request refused");
            }
        }
    }

    /// How many refusals the line due now stands for beside its own; `None` while the last line is fresh.
    fn due(&self, provider: &'static str, code: Code) -> Option<u64> {
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry((provider, code)).or_insert(Window { until: now, suppressed: 0 });
        if now < window.until {
            window.suppressed += 1;
            return None;
        }
        window.until = now + QUIET;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use contract::code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_refusals_is_one_line_with_a_number() {
        let refusals = Refusals::new(Arc::new(Metrics::new()));
        assert_eq!(refusals.due("c2s", code::UNAUTHORIZED), Some(0));
        for _ in 0..1_000 {
            assert_eq!(refusals.due("c2s", code::UNAUTHORIZED), None);
        }
        assert_eq!(refusals.due("c2s", code::FORBIDDEN), Some(0));
        tokio::time::advance(QUIET).await;
        assert_eq!(refusals.due("c2s", code::UNAUTHORIZED), Some(1_000));
    }
}
