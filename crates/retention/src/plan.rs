//! What is to go, decided before anything goes.

use std::time::Duration;

use contract::stream::{PROVIDERS, usage};
use store::webhook_events::Status;
use time::OffsetDateTime;

use crate::task::{Task, What};

/// What somebody asks for; everything absent is as configured.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// Only of this provider.
    pub provider: Option<&'a str>,
    /// Only in this status.
    pub status: Option<Status>,
    /// Older than so many days, whatever is configured.
    pub days: Option<u64>,
    /// Count, and delete nothing.
    pub dry_run: bool,
}

/// Why nothing is deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It would be lost.
    #[error("events in status {0} are not settled, and are never deleted: they would be lost")]
    NotSettled(Status),
    /// It could come again and be taken for new.
    #[error(
        "{days} days are too few ({key}): streams can bring an event again for {needed} days, and without its ledger \
         row it would have its effects twice"
    )]
    TooYoung {
        /// Where it was said.
        key: String,
        /// What was said.
        days: u64,
        /// What is needed at least.
        needed: u64,
    },
    /// Nobody is called so.
    #[error("there is no provider {0}")]
    UnknownProvider(String),
}

/// What is to go, in which order, and how fast.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) tasks: Vec<Task>,
    pub(crate) limit: i64,
    pub(crate) pause: Duration,
    pub(crate) dry_run: bool,
    pub(crate) now: OffsetDateTime,
}

impl Plan {
    /// Plans what is asked for.
    ///
    /// # Errors
    /// See [`Refused`]; `horizon` is how long an event must be remembered.
    pub fn new(
        settings: &config::Retention,
        ask: &Ask<'_>,
        horizon: Duration,
        now: OffsetDateTime,
    ) -> Result<Self, Refused> {
        let statuses = match ask.status {
            None => vec![Status::Completed, Status::DeadLetter],
            Some(settled @ (Status::Completed | Status::DeadLetter)) => vec![settled],
            Some(open @ (Status::Received | Status::Processing | Status::Failed)) => {
                return Err(Refused::NotSettled(open));
            }
        };
        let known = |name: &&str| ask.provider.is_none_or(|provider| provider == *name);
        let providers: Vec<_> = PROVIDERS.iter().map(|(provider, _)| *provider).filter(known).collect();
        if let (Some(provider), true) = (ask.provider, providers.is_empty()) {
            return Err(Refused::UnknownProvider(provider.to_owned()));
        }
        let mut plan = Self {
            tasks: Vec::new(),
            limit: i64::try_from(settings.batch_max).unwrap_or(i64::MAX),
            pause: Duration::from_millis(settings.pause_ms),
            dry_run: ask.dry_run,
            now,
        };
        for provider in providers {
            for &status in &statuses {
                let (key, configured) = configured(settings, provider, status);
                let (key, days) = ask.days.map_or((key, configured), |days| ("--days".to_owned(), days));
                let before = remembered(key, days, horizon, now)?;
                plan.tasks.extend(of_status(provider, status, before));
            }
            if statuses.contains(&Status::Completed) {
                plan.tasks.extend(of_bodies(settings, ask, provider, now));
                plan.tasks.extend(of_sessions(settings, ask, provider, now));
            }
        }
        if ask.provider.is_none() && ask.status.is_none() {
            let before = now - whole(ask.days.unwrap_or(settings.replays_days));
            plan.tasks.push(Task::new(What::Replays, "", Status::Completed, before));
        }
        plan.tasks.sort_by_key(Task::turn);
        Ok(plan)
    }
}

fn of_status(provider: &'static str, status: Status, before: OffsetDateTime) -> Vec<Task> {
    let mut kinds = vec![What::Events];
    if status == Status::Completed {
        kinds.push(What::Duplicates);
    }
    kinds.push(What::Handlings);
    if status == Status::DeadLetter {
        kinds.push(What::DeadLetters);
    }
    if provider == usage::PROVIDER {
        kinds.push(What::HookEvents);
    }
    kinds.into_iter().map(|what| Task::new(what, provider, status, before)).collect()
}

/// Bodies go before their rows do, where that is configured.
fn of_bodies(
    settings: &config::Retention,
    ask: &Ask<'_>,
    provider: &'static str,
    now: OffsetDateTime,
) -> Option<Task> {
    let days = settings.bodies_days.filter(|_| ask.days.is_none())?;
    Some(Task::new(What::Bodies, provider, Status::Completed, now - whole(days)))
}

/// Sessions and their queries say nothing of events: they have an age of their own.
fn of_sessions(
    settings: &config::Retention,
    ask: &Ask<'_>,
    provider: &'static str,
    now: OffsetDateTime,
) -> Vec<Task> {
    let before = now - whole(ask.days.unwrap_or(settings.sessions_days));
    let kinds = [What::Queries, What::Sessions].into_iter().filter(|_| provider == usage::PROVIDER);
    kinds.map(|what| Task::new(what, provider, Status::Completed, before)).collect()
}

fn configured(settings: &config::Retention, provider: &str, status: Status) -> (String, u64) {
    let (name, days) = match status {
        Status::DeadLetter => ("dead_letters_days", &settings.dead_letters_days),
        _ => ("completed_days", &settings.completed_days),
    };
    (format!("retention.{name}.{provider}"), days.of(provider))
}

/// The instant before which an event may be forgotten.
fn remembered(
    key: String,
    days: u64,
    horizon: Duration,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, Refused> {
    let needed = horizon.as_secs().div_ceil(86_400);
    if days < needed {
        return Err(Refused::TooYoung { key, days, needed });
    }
    Ok(now - whole(days))
}

fn whole(days: u64) -> Duration {
    // More than anybody's data are old; it keeps the arithmetic within bounds.
    const MOST: u64 = 366 * 100;
    Duration::from_hours(24 * days.min(MOST))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
    const HORIZON: Duration = Duration::from_hours(24 * 8 + 2);

    fn plan(ask: &Ask<'_>) -> Result<Plan, Refused> {
        Plan::new(&config::Settings::for_tests().retention, ask, HORIZON, NOW)
    }

    #[test]
    fn asking_for_what_is_not_settled_is_refused() {
        for status in [Status::Received, Status::Processing, Status::Failed] {
            let refused = plan(&Ask { status: Some(status), ..Ask::default() }).unwrap_err();
            assert_eq!(refused, Refused::NotSettled(status));
        }
    }

    #[test]
    fn a_ledger_must_outlive_its_streams() {
        let refused = plan(&Ask { days: Some(8), ..Ask::default() }).unwrap_err();
        assert_eq!(refused, Refused::TooYoung { key: "--days".to_owned(), days: 8, needed: 9 });
        assert!(plan(&Ask { days: Some(9), ..Ask::default() }).is_ok());
        let mut settings = config::Settings::for_tests().retention;
        settings.completed_days.instagram = 3;
        let refused = Plan::new(&settings, &Ask::default(), HORIZON, NOW).unwrap_err().to_string();
        assert!(refused.contains("retention.completed_days.instagram"), "{refused}");
    }

    #[test]
    fn a_provider_that_nobody_is_called_is_refused() {
        let refused = plan(&Ask { provider: Some("c3s"), ..Ask::default() }).unwrap_err();
        assert_eq!(refused, Refused::UnknownProvider("c3s".to_owned()));
    }

    #[test]
    fn each_status_has_its_own_age() {
        let plan = plan(&Ask { provider: Some("c2s"), ..Ask::default() }).unwrap();
        let before = |what, status| {
            let found = plan.tasks.iter().find(|task| task.is(what, status));
            found.expect("it is planned").before()
        };
        assert_eq!(before(What::Events, Status::Completed), datetime!(2026-10-23 12:00 UTC));
        assert_eq!(before(What::DeadLetters, Status::DeadLetter), datetime!(2026-08-24 12:00 UTC));
    }
}
