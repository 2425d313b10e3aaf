//! What is left of an error when everything is taken out that differs from one event to the next.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest as _, Sha256};

/// Longest part of an error that counts, in bytes.
const LINE_MAX_BYTES: usize = 500;
/// Bytes of the hash that are kept.
const FINGERPRINT_BYTES: usize = 8;

/// What makes two failures the same.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Who sent the event.
    pub provider: &'a str,
    /// Who gave it up.
    pub consumer: &'a str,
    /// Type of the event.
    pub event_type: &'a str,
    /// Why it was given up, in one word.
    pub reason_code: &'a str,
    /// What the last attempt said.
    pub error: Option<&'a str>,
}

/// What to take out, in this order, and what to put in its place.
static VARIABLE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\x22'<>]+", "<url>"),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "<email>"),
        (r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|“[^”]*”|«[^»]*»"#, "<text>"),
        (r"(?i)\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b", "<id>"),
        (r"(?i)\b0x[0-9a-f]+\b", "<hex>"),
        // Words that hold both digits and letters, or are long and hexadecimal, are ids: lead-123, s_m4x7, deadbeef.
        (r"(?i)\b[0-9a-f]{12,}\b", "<hex>"),
        (r"[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*|[A-Za-z][A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*", "<id>"),
        (r"[0-9]+([.,:][0-9]+)*", "<n>"),
        (r"\s+", " "),
    ]
    .map(|(pattern, place)| (Regex::new(pattern).expect("the_patterns_are_valid proves that it compiles"), place))
    .into()
});

/// The first line of an error without what varies. Proved by `what_varies_is_taken_out`.
pub fn normalised(error: &str) -> String {
    let line = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let line = line.get(..line.floor_char_boundary(LINE_MAX_BYTES)).unwrap_or(line);
    VARIABLE.iter().fold(line.to_owned(), |text, (pattern, place)| match pattern.replace_all(&text, *place) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(changed) => changed,
    })
}

/// The group of a failure: 16 hexadecimal digits.
pub fn fingerprint(failure: &Failure<'_>) -> String {
    let mut hash = Sha256::new();
    let error = normalised(failure.error.unwrap_or_default());
    for part in [failure.provider, failure.consumer, failure.event_type, failure.reason_code, error.as_str()]
    {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(FINGERPRINT_BYTES).fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURE: Failure<'_> = Failure {
        provider: "c2s",
        consumer: "c2s-leads",
        event_type: "c2s.lead.created",
        reason_code: "attempts_exhausted",
        error: Some("timeout: not done within 20s"),
    };

    #[test]
    fn the_patterns_are_valid() {
        assert_eq!(VARIABLE.len(), 9);
    }

    #[test]
    fn what_varies_is_taken_out() {
        for (error, left) in [
            ("timeout: not done within 20s", "timeout: not done within <id>"),
            ("lead lead-12345 of 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10", "lead <id> of <id>"),
            ("column \"ágil \\\" x\" is 'a b' and `c`", "column <text> is <text> and <text>"),
            ("GET https://api.example.com/v1/leads/99?x=1 answered 503", "GET <url> answered <n>"),
            ("mail to maria.silva+a@example.com.br bounced", "mail to <email> bounced"),
            (
                "at 10.0.0.7:5432, pointer 0xDEADbeef, sha deadbeefdeadbeef",
                "at <n>, pointer <hex>, sha <hex>",
            ),
            ("value 12,5 and  3.14\tof s_m4x7enmven8djfqak", "value <n> and <n> of <id>"),
            ("\n  first line \nsecond 1", "first line"),
            ("", ""),
        ] {
            assert_eq!(normalised(error), left, "{error}");
        }
    }

    #[test]
    fn the_same_failure_of_two_events_is_one_group() {
        let one = Failure { error: Some("lead lead-1 refused: \"a\""), ..FAILURE };
        let other = Failure { error: Some("lead lead-22 refused: \"b\"\nDETAIL: 7"), ..FAILURE };
        assert_eq!(fingerprint(&one), fingerprint(&other));
        assert_eq!(fingerprint(&one).len(), 16);
        for different in [
            Failure { provider: "usage", ..one },
            Failure { consumer: "c2s-enricher", ..one },
            Failure { event_type: "c2s.lead.closed", ..one },
            Failure { reason_code: "not_storable", ..one },
            Failure { error: Some("lead lead-1 was refused"), ..one },
        ] {
            assert_ne!(fingerprint(&one), fingerprint(&different), "{different:?}");
        }
    }
}
