//! Times as Bright Data sends them: ISO 8601, a JavaScript date as text, a bare date, Unix seconds or milliseconds.

use serde_json::Value;
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, UtcOffset,
    format_description::{
        BorrowedFormatItem,
        well_known::{Rfc2822, Rfc3339},
    },
    macros::format_description,
};

/// `new Date().toString()`, without the zone's name in brackets.
const JAVASCRIPT: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short case_sensitive:false] [month repr:short case_sensitive:false] [day] [year] \
     [hour]:[minute]:[second] GMT[offset_hour sign:mandatory][offset_minute]"
);
/// ISO without a zone, which is UTC.
const LOCAL: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"
);
/// ISO with a zone that RFC 3339 would spell with a colon.
const BASIC_ZONE: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][offset_minute]"
);
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// As in the inputs of its jobs.
const AMERICAN_DATE: &[BorrowedFormatItem<'_>] = format_description!("[month]-[day]-[year]");
/// The year 1973. A smaller number is no time, but something else: a year, for one.
const SECONDS_FROM: f64 = 100_000_000.0;
/// From here on a number counts milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 100_000_000_000.0;
/// The last second of the year 9999, in milliseconds.
const MILLISECONDS_MAX: f64 = 253_402_300_799_999.0;

/// Reads a time, to the microsecond that a row keeps; none if there is none, or it means nothing.
pub(crate) fn parse(value: &Value) -> Option<OffsetDateTime> {
    let instant = match value {
        Value::String(text) => of_text(text.trim()),
        Value::Number(number) => of_number(number.as_f64()?),
        _ => None,
    }?;
    // Some hours before the last year's end are in no year, in UTC.
    let instant = instant.checked_to_offset(UtcOffset::UTC)?;
    instant.replace_nanosecond(instant.nanosecond() / 1_000 * 1_000).ok()
}

fn of_text(text: &str) -> Option<OffsetDateTime> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return of_number(text.parse().ok()?);
    }
    let unnamed = text.split_once(" (").map_or(text, |(date, _)| date);
    let iso = text.trim_end_matches(" UTC").replacen(' ', "T", 1).replace(' ', "");
    let date = |format| Date::parse(text, format).map(|date| date.midnight().assume_utc());
    OffsetDateTime::parse(&iso, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&iso, LOCAL).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| OffsetDateTime::parse(&iso, BASIC_ZONE))
        .or_else(|_| date(DATE))
        .or_else(|_| date(AMERICAN_DATE))
        .or_else(|_| OffsetDateTime::parse(unnamed, JAVASCRIPT))
        .or_else(|_| OffsetDateTime::parse(text, &Rfc2822))
        .ok()
}

fn of_number(number: f64) -> Option<OffsetDateTime> {
    let milliseconds = if number < MILLISECONDS_FROM { number * 1_000.0 } else { number };
    if number < SECONDS_FROM || milliseconds > MILLISECONDS_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is below MILLISECONDS_MAX")]
    let microseconds = (milliseconds * 1_000.0).round() as i128;
    OffsetDateTime::from_unix_timestamp_nanos(microseconds * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_that_was_seen() {
        let instant = datetime!(2026-01-09 22:21:30 UTC);
        for value in [
            json!("2026-01-09T22:21:30Z"),
            json!("2026-01-09T22:21:30.000Z"),
            json!("2026-01-09T19:21:30-03:00"),
            json!("2026-01-09 22:21:30"),
            json!("2026-01-09T22:21:30"),
            json!("Fri Jan 09 2026 22:21:30 GMT+0000 (Coordinated Universal Time)"),
            json!("Fri Jan 09 2026 19:21:30 GMT-0300 (Brasilia Standard Time)"),
            json!("Fri Jan 09 2026 22:21:30 GMT+0000"),
            json!("Fri, 09 Jan 2026 22:21:30 GMT"),
            json!(1_767_997_290),
            json!(1_767_997_290_000_i64),
            json!("1767997290"),
            json!(1_767_997_290.0),
            json!("1767997290.000"),
            json!("2026-01-09T22:21:30+0000"),
            json!("2026-01-09 19:21:30 -03:00"),
            json!("2026-01-09 22:21:30 UTC"),
        ] {
            assert_eq!(parse(&value), Some(instant), "{value}");
        }
        for date in ["2026-01-09", "01-09-2026"] {
            assert_eq!(parse(&json!(date)), Some(datetime!(2026-01-09 0:00 UTC)));
        }
        assert_eq!(parse(&json!(1_767_997_290.25)), Some(datetime!(2026-01-09 22:21:30.25 UTC)));
        assert_eq!(
            parse(&json!("2026-01-09T22:21:30.9719999Z")),
            Some(datetime!(2026-01-09 22:21:30.971_999 UTC))
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [
            json!("2d"),
            json!(""),
            json!(null),
            json!(0),
            json!(-5),
            json!(true),
            json!("99999999999999999"),
            json!(1e300),
            json!(2015),
            json!("2015"),
            json!("1e9"),
            // In UTC this is a year that no calendar here has.
            json!("9999-12-31T23:59:59-01:00"),
        ] {
            assert_eq!(parse(&value), None, "{value}");
        }
    }
}
