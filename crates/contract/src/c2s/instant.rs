//! The ways in which C2S writes an instant.

use time::{
    OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem,
    format_description::well_known::Rfc3339, macros::format_description,
};

/// The text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time that C2S writes")]
pub struct InvalidInstant;

const WITH_OFFSET: [&[BorrowedFormatItem<'_>]; 2] = [
    format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]] [offset_hour sign:mandatory][optional [:]][offset_minute]"
    ),
    format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][offset_minute]"
    ),
];
const NAIVE: [&[BorrowedFormatItem<'_>]; 2] = [
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"),
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"),
];

/// Reads RFC 3339, `2026-01-20 10:00:00.0 -0300`, and the same without offset, which means UTC.
///
/// The result is in UTC, to the microsecond: what the database keeps, and what two spellings of one instant share.
///
/// # Errors
/// The text is none of these, or outside the years 1970 to 9999.
pub fn parse_instant(text: &str) -> Result<OffsetDateTime, InvalidInstant> {
    let text = text.trim();
    let instant = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| WITH_OFFSET.iter().find_map(|format| OffsetDateTime::parse(text, format).ok()))
        .or_else(|| {
            NAIVE.iter().find_map(|format| {
                PrimitiveDateTime::parse(text, format).ok().map(PrimitiveDateTime::assume_utc)
            })
        })
        .ok_or(InvalidInstant)?
        .checked_to_offset(time::UtcOffset::UTC)
        .ok_or(InvalidInstant)?;
    if !(1970..=9999).contains(&instant.year()) {
        return Err(InvalidInstant);
    }
    instant.replace_microsecond(instant.microsecond()).map_err(|_| InvalidInstant)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn one_instant_has_many_spellings() {
        let expected = datetime!(2026-01-20 10:00:00 UTC);
        for text in [
            "2026-01-20T10:00:00Z",
            "2026-01-20T07:00:00-03:00",
            "2026-01-20T07:00:00.000-03:00",
            "2026-01-20T07:00:00-0300",
            "2026-01-20 10:00:00",
            "2026-01-20 10:00:00.000000",
            "2026-01-20T10:00:00",
            "2026-01-20 07:00:00 -0300",
            "2026-01-20 07:00:00.0 -03:00",
            " 2026-01-20T10:00:00Z ",
            "2026-01-20T10:00:00.0000004Z",
        ] {
            assert_eq!(parse_instant(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-01-20",
            "2026-13-01T00:00:00Z",
            "1768903200",
            "20/01/2026 10:00:00",
            "9999-12-31T23:59:59-12:00",
        ] {
            assert_eq!(parse_instant(text), Err(InvalidInstant), "{text}");
        }
    }
}
