//! `Retry-After`: seconds, or a date.

use std::time::Duration;

use http::{HeaderMap, header};
use time::OffsetDateTime;

/// The longest wait that is believed; more than that is a mistake, or malice.
const MAX: Duration = Duration::from_hours(24);

/// How long the other side wants us to wait, at most a day. What is no number and no date counts as absent, a date that
/// has passed as no wait. Proved by `seconds_and_dates_are_understood`.
pub(crate) fn read(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(MAX));
    }
    let at = OffsetDateTime::from(httpdate::parse_http_date(text).ok()?);
    Some(Duration::try_from(at - now).unwrap_or(Duration::ZERO).min(MAX))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = datetime!(2026-01-20 10:00 UTC);
        for (text, expected) in [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Tue, 20 Jan 2026 10:02:00 GMT", Some(120)),
            ("Tue, 20 Jan 2026 09:00:00 GMT", Some(0)),
            ("18446744073709551615", Some(86_400)),
            ("Tue, 20 Jan 2099 09:00:00 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(read(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(read(&HeaderMap::new(), now), None);
    }
}
