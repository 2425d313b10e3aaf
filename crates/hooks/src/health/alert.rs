//! What a person should know, by the older client's thresholds.

use serde::Serialize;
use store::hooks::Disabled;

use super::Health;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// A person must act.
    Critical,
}

impl Level {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that a person should know. It is there as long as what it says is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Stable word.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What it is.
    pub message: String,
}

/// How many alerts of each level there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Critical ones.
    pub critical: usize,
    /// Warnings.
    pub warning: usize,
    /// The others.
    pub info: usize,
    /// All of them.
    pub total: usize,
}

impl Counts {
    pub(super) fn of(alerts: &[Alert]) -> Self {
        let of = |level| alerts.iter().filter(|alert| alert.level == level).count();
        Self {
            critical: of(Level::Critical),
            warning: of(Level::Warning),
            info: of(Level::Info),
            total: alerts.len(),
        }
    }
}

/// What is wrong. Proved by `the_older_clients_thresholds_hold`.
pub(super) fn of(health: &Health) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, level, message| alerts.push(Alert { id, level, message });
    let rate = health.hour.success_rate() * 100.0;
    match () {
        () if rate < 80.0 => {
            add(
                "webhook_success_rate_low",
                Level::Critical,
                format!("{rate:.1} % of the last hour's attempts succeeded"),
            );
        }
        () if rate < 90.0 => {
            add(
                "webhook_success_rate_warning",
                Level::Warning,
                format!("{rate:.1} % of the last hour's attempts succeeded"),
            );
        }
        () => {}
    }
    let seconds = health.five_minutes.avg_response_time_ms.unwrap_or_default() / 1_000.0;
    match () {
        () if seconds > 10.0 => {
            add(
                "webhook_response_time_high",
                Level::Critical,
                format!("hooks took {seconds:.1} s on average in five minutes"),
            );
        }
        () if seconds > 5.0 => {
            add(
                "webhook_response_time_warning",
                Level::Warning,
                format!("hooks took {seconds:.1} s on average in five minutes"),
            );
        }
        () => {}
    }
    if rate < 90.0 {
        add(
            "webhook_error_rate_high",
            Level::Critical,
            format!("{:.1} % of the last hour's attempts failed", 100.0 - rate),
        );
    }
    let dead = health.dead_letters;
    match dead {
        101.. => add("dead_letter_queue_large", Level::Critical, format!("{dead} dead letters")),
        51.. => add("dead_letter_queue_warning", Level::Warning, format!("{dead} dead letters")),
        _ => {}
    }
    for hook in &health.hooks {
        match hook.disabled {
            Some(Disabled::Gone) => {
                add("hook_gone", Level::Critical, format!("hook {} answered 410 and is disabled", hook.name));
            }
            Some(Disabled::Unreadable) => {
                add(
                    "hook_unreadable",
                    Level::Critical,
                    format!("hook {} does not open: its key is not in seal.keys; its events wait", hook.name),
                );
            }
            Some(Disabled::Operator | Disabled::Settings) if hook.pending > 0 => {
                let message =
                    format!("{} events wait for hook {}, which is disabled", hook.pending, hook.name);
                add("hook_disabled_with_events", Level::Warning, message);
            }
            _ => {}
        }
    }
    alerts
}

#[cfg(test)]
mod tests {
    use store::{hook_deliveries::Period, usage_sessions::Totals};
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn the_older_clients_thresholds_hold() {
        let health = |delivered, millis, dead_letters| {
            let period = Period {
                attempts: 1_000,
                delivered,
                avg_response_time_ms: Some(millis),
                ..Period::default()
            };
            let sessions = Totals {
                total: 0,
                total_queries: 0,
                total_tokens: 0,
                total_cost: 0.0,
                avg_queries_per_session: 0.0,
            };
            Health {
                at: OffsetDateTime::UNIX_EPOCH,
                hooks: Vec::new(),
                total: period,
                five_minutes: period,
                hour: period,
                day: period,
                week: period,
                sessions,
                dead_letters,
                alerts: Vec::new(),
            }
        };
        for (delivered, millis, dead, expected) in [
            (1_000, 5_000.0, 50, &[][..]),
            (900, 0.0, 0, &[]),
            (
                899,
                5_001.0,
                51,
                &[
                    "webhook_success_rate_warning",
                    "webhook_response_time_warning",
                    "webhook_error_rate_high",
                    "dead_letter_queue_warning",
                ],
            ),
            (
                799,
                10_001.0,
                101,
                &[
                    "webhook_success_rate_low",
                    "webhook_response_time_high",
                    "webhook_error_rate_high",
                    "dead_letter_queue_large",
                ],
            ),
        ] {
            let found: Vec<_> =
                of(&health(delivered, millis, dead)).into_iter().map(|alert| alert.id).collect();
            assert_eq!(found, expected, "{delivered} {millis} {dead}");
        }
        let idle = Health { hour: Period::default(), five_minutes: Period::default(), ..health(0, 0.0, 0) };
        assert_eq!(of(&idle), [], "silence is no failure");
    }
}
