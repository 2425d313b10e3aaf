//! What is told of an attempt while it happens. Never the hook's URL.

use std::time::Duration;

use tracing::{Span, debug, error, info, warn};

use super::{Attempting, became::Became};

impl Attempting {
    pub(super) fn log(&self, became: &Became, took: Duration) {
        let (hook, id) = (self.hook.name.as_str(), self.claimed.event_id);
        let subject = self.claimed.subject.as_deref();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let span = Span::current();
        let failed = |kind: &str| {
            span.record("otel.status_code", "ERROR").record("error.type", kind);
        };
        match became {
            // Older scripts count this word in the log.
            Became::Delivered(said) => {
                let status = said.status.map(|status| status.as_u16());
                info!(hook.name = hook, event.id = %id, event.subject = subject, status, duration_ms, "webhook_success");
            }
            Became::Failed { code, error, .. } if self.is_last() => {
                failed(code);
                warn!(hook.name = hook, event.id = %id, event.subject = subject, code, error, "event is dead: its hook failed every time");
            }
            Became::Failed { code, error, .. } => {
                failed(code);
                info!(hook.name = hook, event.id = %id, event.subject = subject, code, error, duration_ms, "hook failed; it is tried again");
            }
            Became::Throttled { pause, .. } => {
                failed("throttled");
                warn!(hook.name = hook, pause_ms = pause.as_millis(), "hook is throttled");
            }
            Became::Refused { code, error, .. } => {
                failed(code.as_str());
                warn!(hook.name = hook, event.id = %id, event.subject = subject, code = code.as_str(), error, "event is dead: its hook refused it");
            }
            Became::Gone(_) => {
                failed("gone");
                error!(
                    hook.name = hook,
                    "hook answered 410 and is disabled; `weir zapier hooks enable` ends that"
                );
            }
            Became::NotAsked(after) => debug!(hook.name = hook, wait_ms = after.as_millis(), "hook rests"),
        }
    }
}
