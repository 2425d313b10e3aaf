//! Text from outside without the CPFs in it.

use std::borrow::Cow;

use crate::{
    cpf::masked_digits,
    find::{candidates, plain},
};

/// The text with every number that could be a CPF masked, whatever its check digits and whoever's it is: for errors and
/// excerpts that others wrote. Proved by `no_number_of_eleven_digits_survives_the_mask`.
pub fn masked(text: &str) -> Cow<'_, str> {
    let chars: Vec<char> = text.chars().collect();
    // Position by position the same, however the digits are written.
    let found = candidates(&chars.iter().copied().map(plain).collect::<Vec<_>>());
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for candidate in found {
        shown.extend(chars.get(at..candidate.start).unwrap_or_default());
        shown.push_str(&masked_digits(&candidate.digits));
        at = candidate.end;
    }
    shown.extend(chars.get(at..).unwrap_or_default());
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_like_a_cpf_are_masked_and_nothing_else() {
        for (text, expected) in [
            ("CPF 529.982.247-25 nao encontrado", "CPF ***.982.247-** nao encontrado"),
            ("/Pessoa/52998224725?x=1 52998224724", "/Pessoa/***.982.247-**?x=1 ***.982.247-**"),
            ("lead 12345678901234, 2026-01-20", "lead 12345678901234, 2026-01-20"),
            ("CPF ５２９９８２２４７２５", "CPF ***.982.247-**"),
            ("no numbers", "no numbers"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_number_of_eleven_digits_survives_the_mask(before in "[^0-9]{0,8}", digits in "[0-9]{11}", after in "[^0-9]{0,8}") {
            let text = format!("{before}{digits}{after}");
            prop_assert!(!masked(&text).contains(&digits));
        }
    }
}
