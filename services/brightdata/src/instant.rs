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
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// From here on a number counts milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Reads a time, to the microsecond that a row keeps; none if there is none, or it means nothing.
pub(crate) fn parse(value: &Value) -> Option<OffsetDateTime> {
    let instant = match value {
        Value::String(text) => of_text(text.trim()),
        Value::Number(number) => of_number(number.as_i64()?),
        _ => None,
    }?;
    let instant = instant.to_offset(UtcOffset::UTC);
    instant.replace_nanosecond(instant.nanosecond() / 1_000 * 1_000).ok()
}

fn of_text(text: &str) -> Option<OffsetDateTime> {
    if let Ok(number) = text.parse() {
        return of_number(number);
    }
    let unnamed = text.split_once(" (").map_or(text, |(date, _)| date);
    let iso = text.replacen(' ', "T", 1);
    OffsetDateTime::parse(&iso, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&iso, LOCAL).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, DATE).map(|date| date.midnight().assume_utc()))
        .or_else(|_| OffsetDateTime::parse(unnamed, JAVASCRIPT))
        .or_else(|_| OffsetDateTime::parse(text, &Rfc2822))
        .ok()
}

fn of_number(number: i64) -> Option<OffsetDateTime> {
    let nanoseconds = i128::from(number) * if number < MILLISECONDS_FROM { 1_000_000_000 } else { 1_000_000 };
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok().filter(|_| number > 0)
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
        ] {
            assert_eq!(parse(&value), Some(instant), "{value}");
        }
        assert_eq!(parse(&json!("2026-01-09")), Some(datetime!(2026-01-09 0:00 UTC)));
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
        ] {
            assert_eq!(parse(&value), None, "{value}");
        }
    }
}
