//! Writing down what became of an attempt, and what that means for the event and for the hook.

use std::time::Duration;

use contract::code;
use store::{
    hook_deliveries::{self, Attempt, Outcome, Verdict},
    hooks::{self, Disabled},
    rate_limits,
};
use time::OffsetDateTime;

use super::{Attempting, became::Became};
use crate::{limits::millis, worker::rate_key};

impl Attempting {
    /// Commits it all at once.
    pub(super) async fn record(
        &self,
        became: &Became,
        started_at: OffsetDateTime,
        took: Duration,
    ) -> sqlx::Result<()> {
        let (event_id, hook_id) = (self.claimed.event_id, self.hook.id);
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.hooks.0.pool.begin().await?;
        let Some(attempt) = self.attempt(became, started_at, took) else {
            hook_deliveries::release(&mut transaction, event_id, hook_id).await?;
            return transaction.commit().await;
        };
        if matches!(became, Became::Gone(_)) {
            hooks::disable(&mut transaction, hook_id, Disabled::Gone, now).await?;
        }
        if let Some(pause) = asked_for(became) {
            let word = code::HOOK_THROTTLED.as_str();
            rate_limits::pause(&mut transaction, &rate_key(hook_id), pause, word).await?;
        }
        let error = attempt.error_message.as_deref().unwrap_or_default();
        let error = format!("hook {}: {error}", self.hook.name);
        hook_deliveries::settle(&mut transaction, &attempt, self.verdict(became, &error), now).await?;
        transaction.commit().await?;
        self.hooks.0.metrics.attempt(self.hook.kind, attempt.outcome);
        Ok(())
    }

    fn verdict<'a>(&self, became: &Became, error: &'a str) -> Verdict<'a> {
        match became {
            Became::Delivered(_) => Verdict::Delivered,
            Became::Throttled { .. } | Became::Gone(_) | Became::NotAsked(_) => {
                Verdict::Again { wait: Duration::ZERO, counts: false }
            }
            Became::Failed { after, .. } if !self.is_last() => {
                Verdict::Again { wait: self.backoff().max(after.unwrap_or_default()), counts: true }
            }
            Became::Failed { .. } => Verdict::Dead { code: code::ATTEMPTS_EXHAUSTED, error },
            Became::Refused { code, .. } => Verdict::Dead { code: *code, error },
        }
    }

    /// The attempt as it is kept; none if nothing was asked.
    fn attempt(&self, became: &Became, started_at: OffsetDateTime, took: Duration) -> Option<Attempt> {
        let (outcome, said, error_code, error_message) = match became {
            Became::Delivered(said) => (Outcome::Delivered, said, None, None),
            Became::Gone(said) => {
                let error = "it answered 410 Gone: it is retired, and nothing more is sent there".to_owned();
                (Outcome::Disabled, said, Some("gone"), Some(error))
            }
            Became::Throttled { said, pause } => {
                let error = format!("it answered 429: nothing is sent there for {} s", pause.as_secs());
                (Outcome::Throttled, said, Some(code::HOOK_THROTTLED.as_str()), Some(error))
            }
            Became::Failed { said, code, error, .. } => {
                let outcome = if self.is_last() { Outcome::Dead } else { Outcome::Retry };
                (outcome, said, Some(*code), Some(error.clone()))
            }
            Became::Refused { said, code, error } => {
                (Outcome::Dead, said, Some(code.as_str()), Some(error.clone()))
            }
            Became::NotAsked(_) => return None,
        };
        Some(Attempt {
            event_id: self.claimed.event_id,
            hook_id: self.hook.id,
            number: self.claimed.attempts + 1,
            started_at,
            duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            outcome,
            status_code: said.status.map(|status| i32::from(status.as_u16())),
            error_code: error_code.map(str::to_owned),
            error_message,
            response_excerpt: said.excerpt.clone(),
        })
    }

    /// Twice as long with each attempt, up to half of it by chance, so that many who failed together do not come back
    /// together.
    fn backoff(&self) -> Duration {
        let (base, longest) = (millis(self.hook.manner.retry_base_ms), millis(self.hook.manner.retry_max_ms));
        let doubled = 2_u32.saturating_pow(self.claimed.attempts.unsigned_abs());
        let wait = base.saturating_mul(doubled).min(longest);
        wait.mul_f64(rand::random_range(1.0..1.5)).min(longest)
    }
}

/// How long the hook asks to be left alone, by 429 or by `Retry-After`: nobody sends it anything meanwhile, so that no
/// other event spends an attempt on being told the same. Proved by `a_hook_that_asks_for_a_rest_gets_one`.
fn asked_for(became: &Became) -> Option<Duration> {
    match became {
        Became::Throttled { pause, .. } => Some(*pause),
        Became::Failed { after, .. } => *after,
        _ => None,
    }
    .filter(|pause| !pause.is_zero())
}
