//! How hooks fare, and what a person should know of it: the older client's numbers, thresholds and words.

mod alert;

use serde::Serialize;
use sqlx::PgConnection;
use store::{
    dead_letters,
    hook_deliveries::{self, Backlog, Period},
    hooks::{self, Disabled, Hook},
    rate_limits,
    usage_sessions::{self, Totals},
};
use time::{Duration, OffsetDateTime};

use crate::worker::rate_key;

pub use alert::{Alert, Counts, Level};

/// How every hook fares, at one moment.
#[derive(Debug, Clone)]
pub struct Health {
    /// When.
    pub at: OffsetDateTime,
    /// Each hook.
    pub hooks: Vec<HookHealth>,
    /// All that is still on record.
    pub total: Period,
    /// The last five minutes.
    pub five_minutes: Period,
    /// The last hour.
    pub hour: Period,
    /// The last day.
    pub day: Period,
    /// The last seven days.
    pub week: Period,
    /// Sessions of the last seven days.
    pub sessions: Totals,
    /// Events that hooks did not get, and nobody has decided about.
    pub dead_letters: i64,
    /// What a person should know.
    pub alerts: Vec<Alert>,
}

/// How one hook fares.
#[derive(Debug, Clone, Serialize)]
pub struct HookHealth {
    /// Its name.
    pub name: String,
    /// What is behind it.
    pub kind: hooks::Kind,
    /// What may be shown of where it is.
    pub host: String,
    /// Why nothing is sent there.
    pub disabled: Option<Disabled>,
    /// Whether a test got an answer from it.
    pub is_validated: bool,
    /// Events that wait for it.
    pub pending: i64,
    /// Since when the oldest waits.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest: Option<OffsetDateTime>,
    /// Calls that are left in its window.
    pub remaining: i64,
    /// Calls that its window allows.
    pub limit: i32,
    /// Nothing is sent before this: it asked for a rest.
    #[serde(with = "time::serde::rfc3339::option")]
    pub paused_until: Option<OffsetDateTime>,
    /// Attempts of the last hour.
    pub attempts_1hour: i64,
    /// Share of them that it took.
    pub success_rate_1hour: f64,
}

impl Health {
    /// Reads it. `consumer` hands events to the hooks.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(
        connection: &mut PgConnection,
        consumer: &str,
        now: OffsetDateTime,
    ) -> sqlx::Result<Self> {
        let (backlogs, limits) =
            (hook_deliveries::backlogs(connection).await?, rate_limits::list(connection).await?);
        let mut known = Vec::new();
        for hook in hooks::all(connection).await? {
            known.push(hook_health(connection, &hook, &backlogs, &limits, now).await?);
        }
        let filter = dead_letters::Filter {
            consumer: Some(consumer),
            status: Some(dead_letters::Status::Dead),
            ..dead_letters::Filter::default()
        };
        let mut health = Self {
            at: now,
            hooks: known,
            total: hook_deliveries::period(connection, OffsetDateTime::UNIX_EPOCH, None).await?,
            five_minutes: hook_deliveries::period(connection, now - Duration::minutes(5), None).await?,
            hour: hook_deliveries::period(connection, now - Duration::HOUR, None).await?,
            day: hook_deliveries::period(connection, now - Duration::DAY, None).await?,
            week: hook_deliveries::period(connection, now - Duration::WEEK, None).await?,
            sessions: usage_sessions::totals(connection, now - Duration::WEEK).await?,
            dead_letters: dead_letters::count(connection, &filter).await?,
            alerts: Vec::new(),
        };
        health.alerts = alert::of(&health);
        Ok(health)
    }

    /// `critical` if one alert is, else `healthy`.
    pub fn status(&self) -> &'static str {
        let is_critical = self.alerts.iter().any(|alert| alert.level == Level::Critical);
        if is_critical { "critical" } else { "healthy" }
    }

    /// How many alerts of each level there are.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.alerts)
    }

    /// Events that wait for hooks.
    pub fn pending(&self) -> i64 {
        self.hooks.iter().map(|hook| hook.pending).sum()
    }
}

async fn hook_health(
    connection: &mut PgConnection,
    hook: &Hook,
    backlogs: &[Backlog],
    limits: &[rate_limits::Limit],
    now: OffsetDateTime,
) -> sqlx::Result<HookHealth> {
    let window = Duration::milliseconds(hook.manner.rate_window_ms);
    let in_window = hook_deliveries::period(connection, now.saturating_sub(window), Some(hook.id)).await?;
    let hour = hook_deliveries::period(connection, now - Duration::HOUR, Some(hook.id)).await?;
    let backlog = backlogs.iter().find(|backlog| backlog.hook_id == hook.id);
    let key = rate_key(hook.id);
    let limit = limits.iter().find(|limit| limit.key == key);
    Ok(HookHealth {
        name: hook.name.clone(),
        kind: hook.kind,
        host: hook.host.clone(),
        disabled: hook.disabled,
        is_validated: hook.validated_at.is_some(),
        pending: backlog.map_or(0, |backlog| backlog.pending),
        oldest: backlog.and_then(|backlog| backlog.oldest),
        remaining: (i64::from(hook.manner.rate_count) - in_window.attempts).max(0),
        limit: hook.manner.rate_count,
        paused_until: limit.and_then(|limit| limit.paused_until),
        attempts_1hour: hour.attempts,
        success_rate_1hour: hour.success_rate(),
    })
}
