//! Points in time as people write them: `90m`, `2d`, `2026-01-20T10:00:00Z`, `2026-01-20`.

use time::{
    Date, Duration, OffsetDateTime, Time, format_description::well_known::Rfc3339, macros::format_description,
};

/// A point in time, absolute or before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Ago(Duration),
    At(OffsetDateTime),
}

impl Since {
    /// The point itself.
    pub(crate) fn before(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Ago(duration) => now.checked_sub(duration).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            Self::At(instant) => instant,
        }
    }
}

impl std::str::FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ago(text)
            .map(Self::Ago)
            .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::At))
            .or_else(|| {
                let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
                Some(Self::At(date.with_time(Time::MIDNIGHT).assume_utc()))
            })
            .ok_or("expected 30s, 15m, 2h, 7d, 2026-01-20 (UTC) or 2026-01-20T10:00:00Z")
    }
}

/// A number and its unit: 30s, 15m, 2h, 7d, 1w.
pub(crate) fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(seconds).filter(|seconds| *seconds >= 0).map(Duration::seconds)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_point_in_time_is_ago_or_absolute() {
        let now = datetime!(2026-01-20 10:00 UTC);
        for (text, expected) in [
            ("90m", datetime!(2026-01-20 8:30 UTC)),
            ("1d", datetime!(2026-01-19 10:00 UTC)),
            ("2026-01-02", datetime!(2026-01-02 0:00 UTC)),
            ("2026-01-02T03:04:05-03:00", datetime!(2026-01-02 6:04:05 UTC)),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().before(now), expected, "{text}");
        }
        for text in ["", "m", "-1m", "1y", "9223372036854775807d", "yesterday", "é"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
