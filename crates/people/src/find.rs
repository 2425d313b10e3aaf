//! Finding a CPF in what people write. The reference's table is the test.

use serde_json::Value;

use crate::{Cpf, Phone, cpf::LEN, phone::is_mobile};

/// How far before a number the word "CPF" may stand.
const LABEL_REACH: usize = 15;

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No CPF.
    Nothing,
    /// One, perhaps several times.
    One(Cpf),
    /// Several different ones: the text does not say whose the lead is.
    Several,
}

impl Found {
    fn of(found: impl IntoIterator<Item = Cpf>) -> Self {
        found.into_iter().fold(Self::Nothing, |so_far, cpf| match so_far {
            Self::Nothing => Self::One(cpf),
            Self::One(other) if other == cpf => so_far,
            Self::One(_) | Self::Several => Self::Several,
        })
    }
}

/// A number of eleven digits in a text, by the positions of its characters.
pub(crate) struct Candidate {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) digits: [u8; LEN],
    /// Written `NNN.NNN.NNN-NN`.
    is_printed: bool,
}

/// Looks for a CPF in a text. `phones` are the lead's own, which one mobile number in a hundred could be mistaken for.
pub fn find(text: &str, phones: &[Phone]) -> Found {
    let chars: Vec<char> = text.chars().map(plain).collect();
    let found = candidates(&chars).into_iter().filter_map(|candidate| {
        let cpf = Cpf::from_digits(candidate.digits).ok()?;
        let certain = candidate.is_printed || is_labelled(&chars, candidate.start);
        (certain || !may_be_phone(&candidate.digits, phones)).then_some(cpf)
    });
    Found::of(found)
}

/// Reads a field that is there for a CPF, such as `document`: text, or a number that lost its leading zeros.
pub fn find_in_field(text: &str) -> Option<Cpf> {
    let text: String = text.trim().chars().map(plain).collect();
    let text = text.as_str();
    let is_number = (9..=LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    let bare = number.map_or_else(|| text.parse(), Cpf::from_number).ok();
    // With words around it: `CPF 529.982.247-25`.
    bare.or_else(|| match find(text, &[]) {
        Found::One(cpf) => Some(cpf),
        Found::Nothing | Found::Several => None,
    })
}

/// Whether a text holds this CPF, in whatever spelling.
pub fn mentions(text: &str, cpf: &Cpf) -> bool {
    let chars: Vec<char> = text.chars().map(plain).collect();
    candidates(&chars).iter().any(|candidate| &candidate.digits == cpf.digits())
}

/// Whether a body holds this CPF: as text, in escaped text, or as a number that lost its leading zeros.
pub fn mentions_in_json(body: &[u8], cpf: &Cpf) -> bool {
    if mentions(&String::from_utf8_lossy(body), cpf) {
        return true;
    }
    serde_json::from_slice::<Value>(body).is_ok_and(|value| is_in(&value, cpf))
}

fn is_in(value: &Value, cpf: &Cpf) -> bool {
    match value {
        Value::String(text) => mentions(text, cpf),
        Value::Number(number) => {
            number.as_u64().is_some_and(|number| Cpf::from_number(number).as_ref() == Ok(cpf))
        }
        Value::Array(values) => values.iter().any(|value| is_in(value, cpf)),
        Value::Object(fields) => fields.iter().any(|(name, value)| mentions(name, cpf) || is_in(value, cpf)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Every number of eleven digits in groups of three, three, three and two, without a digit on either side.
pub(crate) fn candidates(chars: &[char]) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let begins = chars.get(at).is_some_and(char::is_ascii_digit)
            && !at.checked_sub(1).and_then(|before| chars.get(before)).is_some_and(char::is_ascii_digit);
        match begins.then(|| candidate(chars, at)).flatten() {
            Some(candidate) => {
                at = candidate.end;
                found.push(candidate);
            }
            None => at += 1,
        }
    }
    found
}

fn candidate(chars: &[char], start: usize) -> Option<Candidate> {
    let mut at = start;
    let mut digits = Vec::with_capacity(LEN);
    let mut separators = ['\0'; 3];
    for (group, len) in [3, 3, 3, 2].into_iter().enumerate() {
        let allowed: &[char] = if group == 3 { &['-', '/', '.', ' '] } else { &['.', ' '] };
        if let (Some(place), Some(separator)) = (
            group.checked_sub(1).and_then(|place| separators.get_mut(place)),
            chars.get(at).filter(|c| allowed.contains(c)),
        ) {
            *place = *separator;
            at += 1;
        }
        for c in chars.get(at..at + len)? {
            digits.push(u8::try_from(*c).ok().filter(u8::is_ascii_digit)?);
        }
        at += len;
    }
    if chars.get(at).is_some_and(char::is_ascii_digit) {
        return None;
    }
    let is_printed = separators == ['.', '.', '-'];
    Some(Candidate { start, end: at, digits: digits.try_into().ok()?, is_printed })
}

/// Whether "CPF" stands shortly before, with no other number between.
fn is_labelled(chars: &[char], start: usize) -> bool {
    let before = chars.get(start.saturating_sub(LABEL_REACH)..start).unwrap_or_default();
    let since = before.iter().rposition(char::is_ascii_digit).map_or(0, |digit| digit + 1);
    let words: String = before.get(since..).unwrap_or_default().iter().collect();
    words.to_ascii_lowercase().replace('.', "").contains("cpf")
}

fn may_be_phone(digits: &[u8; LEN], phones: &[Phone]) -> bool {
    let text = str::from_utf8(digits).unwrap_or_default();
    is_mobile(text) || phones.iter().any(|phone| phone.is_written(text))
}

/// Full-width digits, and what looks like a space, a dot or a hyphen, as their plain selves.
pub(crate) fn plain(c: char) -> char {
    match c {
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - u32::from('\u{ff10}'), 10).unwrap_or(c),
        '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{2009}' | '\u{3000}' | '\t' => ' ',
        '\u{ff0e}' => '.',
        '\u{2010}'..='\u{2013}' | '\u{ff0d}' | '\u{2212}' => '-',
        '\u{ff0f}' => '/',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, phones: &[&str]) -> Option<String> {
        let phones: Vec<_> = phones.iter().map(|phone| Phone::parse(phone, None).unwrap()).collect();
        match find(text, &phones) {
            Found::Nothing => None,
            Found::One(cpf) => Some(cpf.expose().to_owned()),
            Found::Several => Some("several".to_owned()),
        }
    }

    #[test]
    fn the_references_texts_say_what_it_says() {
        for (text, expected) in [
            ("Tenho interesse, CPF 529.982.247-25", Some("52998224725")),
            ("cpf:52998224725", Some("52998224725")),
            ("cpf 529 982 247 25", Some("52998224725")),
            ("meu tel 11987650034", None),
            ("CPF 11987650034", Some("11987650034")),
            ("CNPJ 12.345.678/0001-95", None),
            ("52998224724", None),
            ("pedido 5299822472512", None),
        ] {
            assert_eq!(found(text, &[]).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn spellings_labels_and_neighbours() {
        for (text, expected) in [
            ("52998224725", Some("52998224725")),
            ("５２９.９８２.２４７-２５", Some("52998224725")),
            ("529\u{a0}982\u{a0}247\u{a0}25", Some("52998224725")),
            ("529.982.247\u{2013}25", Some("52998224725")),
            ("529.982.247/25.", Some("52998224725")),
            ("C.P.F. nº 11987650034", Some("11987650034")),
            ("CPF 529.982.247-25 tel 11987650034", Some("52998224725")),
            ("CPF do comprador e da esposa: ver anexo 11987650034", None),
            ("529.982.247-25 e 111.444.777-35", Some("several")),
            ("529.982.247-25 ou 52998224725", Some("52998224725")),
            ("+55 11 98765-0034", None),
            ("5511987650034", None),
            ("111.111.111-11", None),
            ("", None),
        ] {
            assert_eq!(found(text, &[]).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_number_that_is_the_leads_own_phone_is_a_phone() {
        // A land line behind a trunk zero, which happens to be a valid CPF.
        assert_eq!(found("01132546796", &[]).as_deref(), Some("01132546796"));
        assert_eq!(found("01132546796", &["1132546796"]), None);
        assert_eq!(found("cpf 01132546796", &["1132546796"]).as_deref(), Some("01132546796"));
    }

    #[test]
    fn a_field_for_a_cpf_may_hold_a_number() {
        for (text, expected) in [
            ("1234567890", Some("01234567890")),
            ("529.982.247-25", Some("52998224725")),
            ("５２９９８２２４７２５", Some("52998224725")),
            ("CPF: 529.982.247-25", Some("52998224725")),
            ("529.982.24A-25", None),
            ("11987650034", Some("11987650034")),
            ("12.345.678/0001-95", None),
            ("191", None),
            ("", None),
        ] {
            assert_eq!(find_in_field(text).as_ref().map(Cpf::expose), expected, "{text}");
        }
    }

    #[test]
    fn a_mention_is_found_in_every_spelling_of_json() {
        let cpf: Cpf = "012.345.678-90".parse().unwrap();
        for body in [
            r#"{"a":"CPF 012.345.678-90"}"#,
            r#"{"a":["x",{"b":"012\u00a0345\u00a0678\u00a090"}]}"#,
            r#"{"cpf":1234567890}"#,
            r#"{"01234567890":1}"#,
            "no json, 01234567890",
        ] {
            assert!(mentions_in_json(body.as_bytes(), &cpf), "{body}");
        }
        for body in [r#"{"a":"529.982.247-25","b":12345678901}"#, r#"{"a":"0123456789012"}"#, "\u{0}"] {
            assert!(!mentions_in_json(body.as_bytes(), &cpf), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in ".*") {
            find(&text, &[]);
        }

        #[test]
        fn a_printed_cpf_is_found_between_any_words(before in "[a-zà-ú ,;]{0,20}", after in "[a-zà-ú ,;]{0,20}") {
            let text = format!("{before}529.982.247-25{after}");
            prop_assert_eq!(find(&text, &[]), Found::One("52998224725".parse().unwrap()));
        }
    }
}
