//! Brazilian phone numbers.

use std::{fmt, str::FromStr};

use crate::find::plain;

/// Valid area codes (DDD).
#[rustfmt::skip]
const AREA_CODES: [u8; 67] = [
    11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24, 27, 28, 31, 32, 33, 34, 35, 37, 38, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 51, 53, 54, 55, 61, 62, 63, 64, 65, 66, 67, 68, 69, 71, 73, 74, 75, 77, 79, 81, 82, 83, 84, 85, 86, 87, 88, 89,
    91, 92, 93, 94, 95, 96, 97, 98, 99,
];
/// What people type into a form that insists on a number.
const FAKES: [&str; 4] = ["999999", "111111", "000000", "123456789"];
const COUNTRY: &str = "55";

/// An area code (DDD), such as 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaCode(u8);

/// A phone number with its area code: 10 digits (land line) or 11 (mobile). Formats masked, as `(11) *****-4321`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

/// Why a text is no phone number that somebody could be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPhone {
    /// Not as long as a Brazilian number with its area code.
    #[error("not a Brazilian number with its area code")]
    Shape,
    /// No such area code.
    #[error("no such area code")]
    AreaCode,
    /// Typed to fill a field. A few real numbers look so, too.
    #[error("a number like those that are typed to fill a field")]
    Fake,
}

impl FromStr for AreaCode {
    type Err = InvalidPhone;

    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        text.parse().ok().filter(|code| AREA_CODES.contains(code)).map(Self).ok_or(InvalidPhone::AreaCode)
    }
}

impl Phone {
    /// Reads a number as people and systems write it: with or without `+55`, trunk zero and punctuation. One without
    /// area code gets `default`, if there is one.
    ///
    /// # Errors
    /// See [`InvalidPhone`].
    pub fn parse(text: &str, default: Option<AreaCode>) -> Result<Self, InvalidPhone> {
        let digits: String = text.chars().map(plain).filter(char::is_ascii_digit).collect();
        let mut national = digits.trim_start_matches('0');
        // 55 is an area code, too.
        if let Some(rest) = national.strip_prefix(COUNTRY) {
            let rest = rest.trim_start_matches('0');
            if matches!(rest.len(), 10 | 11) {
                national = rest;
            }
        }
        let with_code = match (national.len(), default) {
            (8 | 9, Some(AreaCode(code))) => format!("{code}{national}"),
            _ => national.to_owned(),
        };
        let is_long_enough = match with_code.as_bytes() {
            [_, _, third, ..] if with_code.len() == 11 => *third == b'9',
            bytes => bytes.len() == 10,
        };
        if !is_long_enough {
            return Err(InvalidPhone::Shape);
        }
        with_code.get(..2).unwrap_or_default().parse::<AreaCode>()?;
        if FAKES.iter().any(|fake| with_code.contains(fake)) {
            return Err(InvalidPhone::Fake);
        }
        Ok(Self(with_code))
    }

    /// Ten or eleven digits, for the look-up that needs them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `+5511987654321`.
    pub fn e164(&self) -> String {
        format!("+{COUNTRY}{}", self.0)
    }

    /// Whether these digits are this number: as it is, with `55`, or with a trunk zero.
    pub(crate) fn is_written(&self, digits: &str) -> bool {
        let bare = digits.trim_start_matches('0');
        bare == self.0 || digits.strip_prefix(COUNTRY) == Some(self.0.as_str())
    }
}

/// Whether eleven digits could be a mobile number.
pub(crate) fn is_mobile(digits: &str) -> bool {
    digits.as_bytes().get(2) == Some(&b'9')
        && digits.get(..2).is_some_and(|code| code.parse::<AreaCode>().is_ok())
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.get(..2).unwrap_or_default();
        let last = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default();
        write!(f, "({code}) *****-{last}")
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        for text in [
            "+5511987654321",
            "5511987654321",
            "11987654321",
            "011 98765-4321",
            "(11) 98765-4321",
            "+55 (011) 98765-4321",
            "0055 11 98765 4321",
            "（１１）９８７６５－４３２１",
        ] {
            assert_eq!(Phone::parse(text, None).unwrap().expose(), "11987654321", "{text}");
        }
        assert_eq!(Phone::parse("11987654321", None).unwrap().e164(), "+5511987654321");
        // Rio Grande do Sul: 55 is the area code.
        for text in ["55 98765-4321", "+55 55 98765-4321"] {
            assert_eq!(Phone::parse(text, None).unwrap().expose(), "55987654321", "{text}");
        }
        assert_eq!(Phone::parse("55 3254-6724", None).unwrap().expose(), "5532546724");
        assert_eq!(Phone::parse("98765-4321", "11".parse().ok()).unwrap().expose(), "11987654321");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, error) in [
            ("", InvalidPhone::Shape),
            ("98765-4321", InvalidPhone::Shape),
            ("11887654321", InvalidPhone::Shape),
            ("+1 212 555 0100 99", InvalidPhone::Shape),
            ("20987654321", InvalidPhone::AreaCode),
            ("90987654321", InvalidPhone::AreaCode),
            ("11999999999", InvalidPhone::Fake),
            ("11900000001", InvalidPhone::Fake),
        ] {
            let refused = Phone::parse(text, None).map(|phone| phone.expose().to_owned());
            assert!(refused == Err(error), "{text}: {refused:?}");
        }
    }

    #[test]
    fn there_are_67_area_codes_and_a_phone_prints_masked() {
        assert_eq!((10..=99_u8).filter(|code| code.to_string().parse::<AreaCode>().is_ok()).count(), 67);
        let phone = Phone::parse("11987654321", None).unwrap();
        assert_eq!(format!("{phone} {phone:?}"), "(11) *****-4321 (11) *****-4321");
    }

    proptest! {
        #[test]
        fn a_number_read_again_is_the_same(text in "[0-9+() -]{0,20}") {
            if let Ok(phone) = Phone::parse(&text, None) {
                prop_assert_eq!(Phone::parse(&phone.e164(), None), Ok(phone.clone()));
                prop_assert_eq!(Phone::parse(phone.expose(), None), Ok(phone));
            }
        }
    }
}
