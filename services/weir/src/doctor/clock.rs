//! Clocks: rows and events carry times of several machines, which should agree.

use time::{Duration, OffsetDateTime};

use super::finding::Findings;

/// What nobody notices.
const TOLERATED: Duration = Duration::seconds(2);

/// Compares another machine's time with ours, when it was asked at `asked` and had answered at `answered`.
pub(crate) fn compare(
    findings: &mut Findings,
    theirs: OffsetDateTime,
    asked: OffsetDateTime,
    answered: OffsetDateTime,
) {
    let off = difference(theirs, asked, answered);
    if off <= TOLERATED {
        findings.ok(format!(
            "its clock agrees with this machine's (within {:.1} s)",
            off.as_seconds_f64().max(0.1)
        ));
    } else {
        findings.warning(
            format!("its clock and this machine's differ by {:.1} s", off.as_seconds_f64()),
            "run NTP on every machine: times of events, deadlines and signatures rest on it",
        );
    }
}

/// How far their time lies outside the interval in which it was read.
fn difference(theirs: OffsetDateTime, asked: OffsetDateTime, answered: OffsetDateTime) -> Duration {
    (asked - theirs).max(theirs - answered).max(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_slow_answer_is_no_difference() {
        let (asked, answered) = (datetime!(2026-01-20 10:00:00 UTC), datetime!(2026-01-20 10:00:30 UTC));
        for (theirs, off) in [
            (datetime!(2026-01-20 10:00:29 UTC), 0),
            (datetime!(2026-01-20 09:59:50 UTC), 10),
            (datetime!(2026-01-20 10:00:40 UTC), 10),
        ] {
            assert_eq!(difference(theirs, asked, answered), Duration::seconds(off));
        }
    }
}
