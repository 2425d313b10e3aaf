//! One attempt to send one event to one hook.

mod became;
mod excerpt;
mod log;
mod record;

use std::time::Duration;

use contract::code;
use http::HeaderValue;
use lifecycle::Shutdown;
use outbound::Request;
use store::{hook_deliveries::Claimed, hooks::Hook};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field, info_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use self::became::{Became, Said};
use crate::{Hooks, limits::millis, opened::Opened, worker::circuit};

/// Wait before an outcome that could not be written down is written again.
const RECORD_RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Attempting {
    pub(crate) hooks: Hooks,
    pub(crate) hook: Hook,
    pub(crate) opened: Opened,
    pub(crate) claimed: Claimed,
    pub(crate) shutdown: Shutdown,
}

impl Attempting {
    pub(crate) async fn run(self) {
        let span = self.span();
        self.send_and_record().instrument(span).await;
    }

    async fn send_and_record(&self) {
        let (started_at, started) = (OffsetDateTime::now_utc(), Instant::now());
        let became = self.send(started_at).await;
        let took = started.elapsed();
        self.log(&became, took);
        // A worker that waits for the database is better than a hook that is told twice because we forgot.
        while let Err(error) = self.record(&became, started_at, took).await {
            warn!(event.id = %self.claimed.event_id, error = &error as &dyn std::error::Error, "outcome not recorded");
            tokio::select! {
                () = tokio::time::sleep(RECORD_RETRY) => {}
                () = self.shutdown.aborted() => return,
            }
        }
    }

    async fn send(&self, at: OffsetDateTime) -> Became {
        let shared = &self.hooks.0;
        let unsent = |error| Became::Refused { said: Said::default(), code: code::UNEXPECTED_SHAPE, error };
        let Some(body) = (shared.render)(&self.claimed, &self.hook.manner.body_form) else {
            return unsent("the event has no body that could be sent".to_owned());
        };
        let Opened { url, signer } = &self.opened;
        let signed = match signer.headers(&self.claimed.root_id.to_string(), at, &body) {
            Ok(signed) => signed,
            Err(error) => return unsent(error),
        };
        let request = Request::post(url.clone())
            .content(body, HeaderValue::from_static("application/json"))
            .circuit(circuit(self.hook.id))
            .attempts_before(usize::try_from(self.claimed.attempts).unwrap_or_default())
            .timeout(millis(self.hook.manner.timeout_ms));
        let request = signed.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        Became::of(shared.client.tell(&request).await, url, &shared.settings)
    }

    fn is_last(&self) -> bool {
        self.claimed.attempts + 1 >= self.hook.manner.attempts_max
    }

    fn span(&self) -> Span {
        let span = info_span!(
            "hook.attempt",
            otel.kind = "internal",
            otel.status_code = field::Empty,
            error.type = field::Empty,
            hook.name = self.hook.name,
            hook.kind = self.hook.kind.as_str(),
            event.id = %self.claimed.event_id,
            attempt = self.claimed.attempts + 1,
        );
        // The event's own trace: it was published long ago perhaps, and ends here. Without tracing there is no parent to
        // be set.
        span.set_parent(telemetry::propagation::from_pairs(&self.claimed.headers)).ok();
        span
    }
}
