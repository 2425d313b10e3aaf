//! One attempt to send one event to one hook, and what it means.

use std::time::Duration;

use contract::{Code, code};
use http::{HeaderValue, StatusCode};
use lifecycle::Shutdown;
use outbound::{Answer, Request, Verdict as Advice};
use store::{
    hook_deliveries::{self, Attempt, Claimed, Outcome, Verdict},
    hooks::{self, Disabled, Hook},
    rate_limits,
};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, error, field, info, info_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{Hooks, limits::millis, opened::Opened, worker::rate_key};

/// Wait before an outcome that could not be written down is written again.
const RECORD_RETRY: Duration = Duration::from_secs(1);
/// Longest wait for a destination that rests.
const REST_MAX: Duration = Duration::from_mins(1);

pub(crate) struct Attempting {
    pub(crate) hooks: Hooks,
    pub(crate) hook: Hook,
    pub(crate) claimed: Claimed,
    pub(crate) shutdown: Shutdown,
}

/// What became of it.
enum Became {
    Delivered(Answer),
    /// It may be taken later; `after` is what the hook itself asks for.
    Failed {
        answer: Option<Answer>,
        code: &'static str,
        error: String,
        after: Option<Duration>,
    },
    Throttled {
        answer: Answer,
        pause: Duration,
    },
    Refused {
        answer: Option<Answer>,
        code: Code,
        error: String,
    },
    /// 410.
    Gone(Answer),
    /// Nothing was asked: not an attempt.
    NotAsked(Duration),
    /// The hook cannot be called at all.
    Unreadable(String),
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
        // A hook that is told twice because we forgot is worse than a worker that waits for the database.
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
        let Some(keys) = &shared.keys else {
            return Became::Unreadable("seal.keys is not set, so that its URL does not open".to_owned());
        };
        let opened = match Opened::open(&self.hook, keys, at) {
            Ok(opened) => opened,
            Err(error) => return Became::Unreadable(error),
        };
        let Some(body) = (shared.render)(&self.claimed, &self.hook.manner.body_form) else {
            let error = "the event has no body that could be sent".to_owned();
            return Became::Refused { answer: None, code: code::UNEXPECTED_SHAPE, error };
        };
        let signed = opened.signer.headers(&self.claimed.root_id.to_string(), at, &body);
        let signed = match signed {
            Ok(signed) => signed,
            Err(error) => return Became::Unreadable(error),
        };
        let mut request = Request::post(opened.url)
            .content(body, HeaderValue::from_static("application/json"))
            .circuit(self.hook.id.to_string())
            .attempts_before(usize::try_from(self.claimed.attempts).unwrap_or_default())
            .timeout(millis(self.hook.manner.timeout_ms));
        for (name, value) in signed {
            request = request.header(name, value);
        }
        self.judge(shared.client.tell(&request).await)
    }

    fn judge(&self, answered: Result<Answer, outbound::Error>) -> Became {
        let settings = &self.hooks.0.settings;
        let answer = match answered {
            Ok(answer) => answer,
            Err(outbound::Error::Resting { after }) => return Became::NotAsked(after.min(REST_MAX)),
            Err(error) if error.may_pass() => {
                return Became::Failed {
                    answer: None,
                    code: error.kind(),
                    error: error.to_string(),
                    after: None,
                };
            }
            Err(error) => {
                let code = match error {
                    outbound::Error::Forbidden | outbound::Error::Scheme => code::HOOK_FORBIDDEN,
                    _ => code::HOOK_REFUSED,
                };
                return Became::Refused { answer: None, code, error: error.to_string() };
            }
        };
        let after = answer.retry_after().map(|after| after.min(settings.retry_after_max()));
        let error = format!("it answered {}", answer.status);
        match (answer.verdict(), answer.status) {
            (Advice::Success, _) => Became::Delivered(answer),
            (Advice::Disable, _) => Became::Gone(answer),
            (_, StatusCode::TOO_MANY_REQUESTS) => {
                Became::Throttled { answer, pause: after.unwrap_or_else(|| settings.throttled()) }
            }
            (Advice::Retry, _) => Became::Failed { answer: Some(answer), code: "status", error, after },
            (Advice::Permanent, _) => {
                Became::Refused { answer: Some(answer), code: code::HOOK_REFUSED, error }
            }
        }
    }

    /// Commits what became of it, and what that means for the hook.
    async fn record(&self, became: &Became, started_at: OffsetDateTime, took: Duration) -> sqlx::Result<()> {
        let (event_id, hook_id) = (self.claimed.event_id, self.hook.id);
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.hooks.0.pool.begin().await?;
        match became {
            Became::NotAsked(after) => {
                hook_deliveries::release(&mut transaction, event_id, hook_id, *after).await?;
                return transaction.commit().await;
            }
            Became::Unreadable(_) => {
                hook_deliveries::release(&mut transaction, event_id, hook_id, Duration::ZERO).await?;
                hooks::disable(&mut transaction, hook_id, Disabled::Unreadable, now).await?;
                return transaction.commit().await;
            }
            Became::Gone(_) => {
                hooks::disable(&mut transaction, hook_id, Disabled::Gone, now).await?;
            }
            Became::Throttled { pause, .. } => {
                let word = code::HOOK_THROTTLED.as_str();
                rate_limits::pause(&mut transaction, &rate_key(hook_id), *pause, word).await?;
            }
            Became::Delivered(_) | Became::Failed { .. } | Became::Refused { .. } => {}
        }
        let attempt = self.attempt(became, started_at, took);
        let text = attempt.error_message.clone().unwrap_or_default();
        let error = format!("hook {}: {text}", self.hook.name);
        let verdict = match became {
            Became::Delivered(_) => Verdict::Delivered,
            Became::Throttled { .. } | Became::Gone(_) => {
                Verdict::Again { wait: Duration::ZERO, counts: false }
            }
            Became::Failed { after, .. } if !self.is_last() => {
                Verdict::Again { wait: self.backoff().max(after.unwrap_or_default()), counts: true }
            }
            Became::Refused { code, .. } => Verdict::Dead { code: *code, error: &error },
            Became::Failed { .. } | Became::NotAsked(_) | Became::Unreadable(_) => {
                Verdict::Dead { code: code::ATTEMPTS_EXHAUSTED, error: &error }
            }
        };
        hook_deliveries::settle(&mut transaction, &attempt, verdict, now).await?;
        transaction.commit().await?;
        self.hooks.0.metrics.attempt(self.hook.kind, attempt.outcome);
        Ok(())
    }

    fn attempt(&self, became: &Became, started_at: OffsetDateTime, took: Duration) -> Attempt {
        let (outcome, answer, error_code, error) = match became {
            Became::Delivered(answer) => (Outcome::Delivered, Some(answer), None, None),
            Became::Gone(answer) => {
                let error = "it answered 410 Gone: it is retired, and nothing more is sent there".to_owned();
                (Outcome::Disabled, Some(answer), Some("gone"), Some(error))
            }
            Became::Throttled { answer, pause } => {
                let error =
                    format!("it answered {}: nothing is sent there for {} s", answer.status, pause.as_secs());
                (Outcome::Throttled, Some(answer), Some(code::HOOK_THROTTLED.as_str()), Some(error))
            }
            Became::Failed { answer, code, error, .. } => {
                let outcome = if self.is_last() { Outcome::Dead } else { Outcome::Retry };
                (outcome, answer.as_ref(), Some(*code), Some(error.clone()))
            }
            Became::Refused { answer, code, error } => {
                (Outcome::Dead, answer.as_ref(), Some(code.as_str()), Some(error.clone()))
            }
            Became::NotAsked(_) | Became::Unreadable(_) => (Outcome::Retry, None, None, None),
        };
        Attempt {
            event_id: self.claimed.event_id,
            hook_id: self.hook.id,
            number: self.claimed.attempts + 1,
            started_at,
            duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            outcome,
            status_code: answer.map(|answer| i32::from(answer.status.as_u16())),
            error_code: error_code.map(str::to_owned),
            error_message: error,
            response_excerpt: answer.map(Answer::excerpt).filter(|excerpt| !excerpt.is_empty()),
        }
    }

    fn is_last(&self) -> bool {
        self.claimed.attempts + 1 >= self.hook.manner.attempts_max
    }

    /// Twice as long with each attempt, up to half of it by chance, so that many who failed together do not come back
    /// together.
    fn backoff(&self) -> Duration {
        let (base, longest) = (millis(self.hook.manner.retry_base_ms), millis(self.hook.manner.retry_max_ms));
        let doubled = 2_u32.saturating_pow(self.claimed.attempts.unsigned_abs());
        let wait = base.saturating_mul(doubled).min(longest);
        wait.mul_f64(rand::random_range(1.0..1.5)).min(longest)
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

    fn log(&self, became: &Became, took: Duration) {
        let (hook, id) = (self.hook.name.as_str(), self.claimed.event_id);
        let subject = self.claimed.subject.as_deref();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let span = Span::current();
        let failed = |kind: &str| {
            span.record("otel.status_code", "ERROR").record("error.type", kind);
        };
        match became {
            // Older scripts count this word in the log.
            Became::Delivered(answer) => {
                let status = answer.status.as_u16();
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
            Became::Unreadable(error) => {
                failed("unreadable");
                error!(hook.name = hook, error, "hook cannot be called and is disabled");
            }
            Became::NotAsked(after) => debug!(hook.name = hook, wait_ms = after.as_millis(), "hook rests"),
        }
    }
}
