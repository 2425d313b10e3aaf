//! How much of Meta's rate limits is used, as its answers tell, and who has to pause.

use std::{collections::HashMap, time::Duration};

use http::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;

/// Pause where Meta does not say how long. Its limits are over a sliding hour, so after this long there is room again.
const PAUSE: Duration = Duration::from_mins(5);
/// Longest pause that is believed; Meta's limits recover within a day.
const PAUSE_MAX: Duration = Duration::from_hours(24);
/// Accounts whose pause is remembered, at most; the pauses of all others have ended long before there are so many.
const PAUSED_MAX: usize = 10_000;

/// Pauses that Meta's answers asked for: of the whole app, and of single accounts.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    app: Option<Instant>,
    accounts: HashMap<String, Instant>,
}

impl Usage {
    /// How long calls for this account have to wait yet.
    pub(crate) fn pause(&self, account: &str, now: Instant) -> Option<Duration> {
        let until = self.app.max(self.accounts.get(account).copied())?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Reads what an answer says: at or above `stop_percent` calls pause.
    pub(crate) fn note(&mut self, account: &str, headers: &HeaderMap, stop_percent: u32, now: Instant) {
        let (app, business) = read(headers);
        let limit = f64::from(stop_percent);
        if app.is_some_and(|used| used.percent >= limit) {
            self.pause_app(now, None);
        }
        if let Some(used) = business.filter(|used| used.percent >= limit) {
            self.pause_account(account, now, used.regain);
        }
    }

    /// Pauses every call.
    pub(crate) fn pause_app(&mut self, now: Instant, wait: Option<Duration>) {
        self.app = self.app.max(Some(now + bounded(wait)));
    }

    /// Pauses calls for this account.
    pub(crate) fn pause_account(&mut self, account: &str, now: Instant, wait: Option<Duration>) {
        if self.accounts.len() >= PAUSED_MAX {
            self.accounts.retain(|_, until| *until > now);
        }
        self.accounts.insert(account.to_owned(), now + bounded(wait));
    }
}

/// The pause that an answer asks for. Proved by `a_limit_without_end_is_no_panic`.
fn bounded(wait: Option<Duration>) -> Duration {
    wait.unwrap_or(PAUSE).min(PAUSE_MAX)
}

/// What is used of one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Used {
    percent: f64,
    regain: Option<Duration>,
}

/// `X-App-Usage`, and the worst of `X-Business-Use-Case-Usage`. What cannot be read counts as absent.
fn read(headers: &HeaderMap) -> (Option<Used>, Option<Used>) {
    let json = |name: &str| -> Option<Value> { serde_json::from_str(headers.get(name)?.to_str().ok()?).ok() };
    let app = json("x-app-usage").map(|usage| used(&usage));
    let business = json("x-business-use-case-usage");
    let cases = business.iter().filter_map(Value::as_object).flat_map(|cases| cases.values());
    let worst = cases
        .filter_map(Value::as_array)
        .flatten()
        .map(used)
        .max_by(|left, right| left.percent.total_cmp(&right.percent));
    (app, worst)
}

fn used(usage: &Value) -> Used {
    let number = |name: &str| usage.get(name).and_then(Value::as_f64).unwrap_or_default();
    let percent = ["call_count", "total_cputime", "total_time"].map(number).into_iter().fold(0.0, f64::max);
    let regain = usage.get("estimated_time_to_regain_access").and_then(Value::as_u64);
    let regain = regain.filter(|minutes| *minutes > 0);
    Used { percent, regain: regain.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(app: &str, business: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-app-usage", app.parse().unwrap());
        headers.insert("x-business-use-case-usage", business.parse().unwrap());
        headers
    }

    #[test]
    fn the_worst_number_of_each_limit_counts() {
        let (app, business) = read(&headers(
            r#"{"call_count":28,"total_time":25.5,"total_cputime":97}"#,
            r#"{"1":[{"type":"instagram","call_count":5,"total_cputime":1,"total_time":1}],
                "2":[{"call_count":3},{"call_count":99,"estimated_time_to_regain_access":19}]}"#
                .replace('\n', "")
                .as_str(),
        ));
        assert_eq!(app, Some(Used { percent: 97.0, regain: None }));
        assert_eq!(business, Some(Used { percent: 99.0, regain: Some(Duration::from_mins(19)) }));
    }

    #[test]
    fn what_is_no_usage_counts_as_absent() {
        for text in ["", "null", "[]", "{}", "{\"1\":{}}", "no json", "{\"call_count\":\"many\"}"] {
            let mut usage = Usage::default();
            usage.note("1", &headers(text, text), 95, Instant::now());
            assert_eq!(usage.pause("1", Instant::now()), None, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_one_account_is_not_the_others_and_ends() {
        let mut usage = Usage::default();
        let near = r#"{"1":[{"call_count":95,"estimated_time_to_regain_access":7}]}"#;
        usage.note("1", &headers("{}", near), 95, Instant::now());
        assert_eq!(usage.pause("1", Instant::now()), Some(Duration::from_mins(7)));
        assert_eq!(usage.pause("2", Instant::now()), None);

        usage.note("2", &headers(r#"{"call_count":100}"#, "{}"), 95, Instant::now());
        assert_eq!(usage.pause("3", Instant::now()), Some(PAUSE), "the app's limit is everybody's");
        tokio::time::advance(Duration::from_mins(7)).await;
        assert_eq!(usage.pause("1", Instant::now()), None);
    }
}
