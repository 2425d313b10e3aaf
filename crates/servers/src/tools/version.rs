//! Versions as programs print them.

use std::fmt;

/// `major.minor.patch`; what is not said is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

impl Version {
    pub(super) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self(major, minor, patch)
    }

    /// The first number.
    pub const fn major(self) -> u32 {
        self.0
    }

    /// The first word of `text` that looks like a version: `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.14 (…)`,
    /// `1:15+248`.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::of_word)
    }

    fn of_word(word: &str) -> Option<Self> {
        let word = word.split_once(':').map_or(word, |(_epoch, rest)| rest);
        let word = word.strip_prefix('v').unwrap_or(word);
        let mut numbers = word.split('.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            digits.parse().ok()
        });
        let major = numbers.next()??;
        let mut next = || numbers.next().flatten().unwrap_or(0);
        Some(Self(major, next(), next()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        let cases = [
            ("nats-server: v2.15.1\n", Some(Version(2, 15, 1))),
            ("nats-server: v2.16.0-RC.1", Some(Version(2, 16, 0))),
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(Version(15, 14, 0))),
            ("postgres (PostgreSQL) 18beta1", Some(Version(18, 0, 0))),
            ("1:15+248", Some(Version(15, 0, 0))),
            ("2.9.10-1+b3", Some(Version(2, 9, 10))),
            ("command not found", None),
            ("", None),
        ];
        for (text, version) in cases {
            assert_eq!(Version::in_text(text), version, "{text}");
        }
        assert!(Version(2, 9, 10) < Version(2, 15, 1));
    }
}
