//! The number of a natural person.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Digits of a CPF.
pub(crate) const LEN: usize = 11;

/// A CPF whose check digits are right. It may still belong to nobody.
///
/// Formats as `***.982.247-**`, in every way; [`Self::expose`] is for the one place that uses it. Serialises whole, so
/// whoever serialises it must seal what comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cpf([u8; LEN]);

/// Why a text is no CPF. It is not quoted: a wrong digit away from a person is still a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCpf {
    /// Not eleven digits, printed or bare.
    #[error("expected eleven digits, as NNN.NNN.NNN-NN or without punctuation")]
    Shape,
    /// One digit eleven times: right by the arithmetic, never issued.
    #[error("a number of one digit alone is not issued")]
    Repeated,
    /// The last two digits do not follow from the others.
    #[error("the check digits are wrong")]
    CheckDigits,
}

impl Cpf {
    /// From eleven ASCII digits.
    ///
    /// # Errors
    /// Never issued, or check digits that are wrong.
    pub fn from_digits(digits: [u8; LEN]) -> Result<Self, InvalidCpf> {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(InvalidCpf::Shape);
        }
        let [first, ..] = digits;
        if digits.iter().all(|digit| *digit == first) {
            return Err(InvalidCpf::Repeated);
        }
        let [first_ten @ .., eleventh] = &digits;
        let [serial @ .., tenth] = first_ten;
        let are_right = check_digit(serial) == *tenth && check_digit(first_ten) == *eleventh;
        if are_right { Ok(Self(digits)) } else { Err(InvalidCpf::CheckDigits) }
    }

    /// From a number, as JSON may hold it: leading zeros were lost on the way.
    ///
    /// # Errors
    /// See [`InvalidCpf`].
    pub fn from_number(number: u64) -> Result<Self, InvalidCpf> {
        let digits = format!("{number:011}");
        digits.as_bytes().try_into().map_err(|_| InvalidCpf::Shape).and_then(Self::from_digits)
    }

    /// The eleven digits, for the call or the seal that needs them.
    pub fn expose(&self) -> &str {
        str::from_utf8(&self.0).expect("digits are ASCII")
    }

    pub(crate) const fn digits(&self) -> &[u8; LEN] {
        &self.0
    }
}

/// The digit that follows: weights count down to 2.
fn check_digit(digits: &[u8]) -> u8 {
    let weights = (2..=u32::try_from(digits.len() + 1).unwrap_or(u32::MAX)).rev();
    let sum: u32 = digits.iter().map(|digit| u32::from(digit - b'0')).zip(weights).map(|(d, w)| d * w).sum();
    match sum % 11 {
        0 | 1 => b'0',
        rest => b'0' + u8::try_from(11 - rest).unwrap_or_default(),
    }
}

/// Eleven digits without the first three and the last two.
pub(crate) fn masked_digits(digits: &[u8; LEN]) -> String {
    let part = |from, to| digits.get(from..to).and_then(|part| str::from_utf8(part).ok()).unwrap_or_default();
    format!("***.{}.{}-**", part(3, 6), part(6, 9))
}

impl FromStr for Cpf {
    type Err = InvalidCpf;

    /// `NNN.NNN.NNN-NN` or eleven digits; dots, hyphen, slash and spaces may be anywhere between.
    fn from_str(text: &str) -> Result<Self, InvalidCpf> {
        let mut digits = Vec::with_capacity(LEN);
        for c in text.trim().chars() {
            match u8::try_from(c) {
                Ok(digit) if digit.is_ascii_digit() && digits.len() < LEN => digits.push(digit),
                Ok(b'.' | b'-' | b'/' | b' ') => {}
                _ => return Err(InvalidCpf::Shape),
            }
        }
        digits.try_into().map_err(|_| InvalidCpf::Shape).and_then(Self::from_digits)
    }
}

impl TryFrom<String> for Cpf {
    type Error = InvalidCpf;

    fn try_from(text: String) -> Result<Self, InvalidCpf> {
        text.parse()
    }
}

impl From<Cpf> for String {
    fn from(cpf: Cpf) -> Self {
        cpf.expose().to_owned()
    }
}

impl fmt::Display for Cpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked_digits(&self.0))
    }
}

impl fmt::Debug for Cpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The CPF of nine digits.
    fn complete(serial: [u8; 9]) -> [u8; LEN] {
        let mut digits = serial.map(|digit| digit + b'0').to_vec();
        digits.push(check_digit(&digits));
        digits.push(check_digit(&digits));
        digits.try_into().unwrap()
    }

    #[test]
    fn the_references_values_are_judged_as_it_says() {
        for (text, expected) in [
            ("529.982.247-25", Ok("52998224725")),
            ("52998224725", Ok("52998224725")),
            (" 529 982 247/25 ", Ok("52998224725")),
            ("111.444.777-35", Ok("11144477735")),
            ("123.456.789-09", Ok("12345678909")),
            ("012.345.678-90", Ok("01234567890")),
            ("000.000.001-91", Ok("00000000191")),
            ("11987650034", Ok("11987650034")),
            ("529.982.247-24", Err(InvalidCpf::CheckDigits)),
            ("111.111.111-11", Err(InvalidCpf::Repeated)),
            ("1234567890", Err(InvalidCpf::Shape)),
            ("529982247251", Err(InvalidCpf::Shape)),
            ("529a98224725", Err(InvalidCpf::Shape)),
            ("", Err(InvalidCpf::Shape)),
        ] {
            assert_eq!(text.parse::<Cpf>().as_ref().map(Cpf::expose), expected.as_ref().copied(), "{text}");
        }
        assert_eq!(Cpf::from_number(1_234_567_890).unwrap().expose(), "01234567890");
        assert_eq!(Cpf::from_number(152_998_224_725), Err(InvalidCpf::Shape));
    }

    #[test]
    fn a_cpf_never_prints_whole() {
        let cpf: Cpf = "52998224725".parse().unwrap();
        assert_eq!(
            format!("{cpf} {cpf:?} {:?}", Some(cpf)),
            "***.982.247-** ***.982.247-** Some(***.982.247-**)"
        );
        let sealed = serde_json::to_string(&cpf).unwrap();
        assert_eq!(serde_json::from_str::<Cpf>(&sealed).unwrap(), cpf, "what is sealed comes back");
    }

    proptest! {
        #[test]
        fn any_nine_digits_have_exactly_one_pair_of_check_digits(serial in prop::array::uniform9(0_u8..10), pair in 0_u8..100) {
            let right = complete(serial);
            prop_assume!(!right.iter().all(|digit| *digit == right[0]));
            prop_assert!(Cpf::from_digits(right).is_ok());
            let mut other = right;
            other[9] = b'0' + pair / 10;
            other[10] = b'0' + pair % 10;
            prop_assert_eq!(Cpf::from_digits(other).is_ok(), other == right);
        }

        #[test]
        fn no_text_makes_the_parser_fail_otherwise_than_with_an_error(text in ".*") {
            let parsed = text.parse::<Cpf>();
            prop_assert!(parsed.is_err() || parsed.unwrap().expose().len() == LEN);
        }
    }
}
