//! What identifies a person, as expressions that find it in text however it is spelled.
//!
//! The same expressions run in PostgreSQL and here; what looks behind and ahead does so in PostgreSQL alone.

use people::{Cpf, Email, Phone};
use regex::bytes::Regex;
use store::redaction::Marks;

/// What may stand between groups of digits: some punctuation, or the escape of one character in JSON.
const GAP: &str = r"(?:[^0-9A-Za-z]{0,4}|\\+u00[0-9A-Fa-f]{2})";
/// What an address may go on with, on either side.
const OF_ADDRESS: &str = "0-9A-Za-z_+-";

/// Expressions for one person.
#[derive(Debug)]
pub(crate) struct Patterns {
    text: String,
    json: String,
    bytes: String,
    token: String,
}

/// How a character outside of ASCII is seen.
#[derive(Clone, Copy)]
enum View {
    /// As itself.
    Text,
    /// As the bytes of its UTF-8, one character each.
    Bytes,
}

impl Patterns {
    /// Expressions for the CPF and for these contacts. `token` stands in text where they were.
    pub(crate) fn new(cpf: &Cpf, phones: &[Phone], emails: &[Email], token: String) -> Self {
        let all = |view, is_json: bool| {
            let mut all = vec![apart(&grouped(cpf.expose(), &[3, 6, 9], view), view)];
            let bare = cpf.expose().trim_start_matches('0');
            if is_json && bare.len() < cpf.expose().len() {
                all.push(format!(r"(?<=[:,\[] ?){bare}(?![0-9.])"));
            }
            all.extend(phones.iter().map(|phone| apart(&of_phone(phone, view), view)));
            all.extend(emails.iter().map(|email| whole_email(email, view)));
            format!("(?i)(?:{})", all.join("|"))
        };
        Self {
            text: all(View::Text, false),
            json: all(View::Text, true),
            bytes: all(View::Bytes, true),
            token,
        }
    }

    /// The CPF alone, in text.
    pub(crate) fn of_cpf(cpf: &Cpf) -> String {
        apart(&grouped(cpf.expose(), &[3, 6, 9], View::Text), View::Text)
    }

    /// These contacts alone, in text.
    pub(crate) fn of_contacts(phones: &[Phone], emails: &[Email]) -> String {
        let phones = phones.iter().map(|phone| apart(&of_phone(phone, View::Text), View::Text));
        let all: Vec<_> = phones.chain(emails.iter().map(|email| whole_email(email, View::Text))).collect();
        format!("(?i)(?:{})", all.join("|"))
    }

    pub(crate) fn marks(&self) -> Marks<'_> {
        Marks { text: &self.text, json: &self.json, bytes: &self.bytes, token: &self.token }
    }
}

/// Finds contacts in bytes.
#[derive(Debug)]
pub(crate) struct Finder(Vec<Regex>);

impl Finder {
    pub(crate) fn new(phones: &[Phone], emails: &[Email]) -> anyhow::Result<Self> {
        let phones = phones.iter().map(|phone| of_phone(phone, View::Text));
        let all = phones.chain(emails.iter().map(|email| of_email(email, View::Text)));
        Ok(Self(all.map(|one| Regex::new(&format!("(?i){one}"))).collect::<Result<_, _>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is there, and not as a part of something longer.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|one| {
            one.find_iter(bytes).any(|found| {
                let is_alike = |byte: Option<&u8>| match found.as_bytes().first() {
                    Some(first) if first.is_ascii_digit() || *first == b'+' => {
                        byte.is_some_and(u8::is_ascii_digit)
                    }
                    _ => byte.is_some_and(u8::is_ascii_alphanumeric),
                };
                let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
                !is_alike(before) && !is_alike(bytes.get(found.end()))
            })
        })
    }
}

/// Not as a part of a longer number.
fn apart(expression: &str, view: View) -> String {
    match view {
        View::Text => format!("(?<![0-9]){expression}(?![0-9])"),
        // Bytes with a zero are seen with octal escapes, whose digits are no number.
        View::Bytes => format!(r"(?:(?<![0-9])|(?<=\\[0-3][0-7][0-7])){expression}(?![0-9])"),
    }
}

fn of_phone(phone: &Phone, view: View) -> String {
    let digits = phone.expose();
    let national = grouped(digits, &[2, digits.len().saturating_sub(4)], view);
    format!("(?:(?:00)?55{GAP})?0?{GAP}{national}")
}

/// These digits, with gaps behind so many of them.
fn grouped(digits: &str, gaps: &[usize], view: View) -> String {
    let mut expression = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if gaps.contains(&at) {
            expression.push_str(GAP);
        }
        expression.push_str(&of_digit(digit, view));
    }
    expression
}

/// A digit, also in full width, or escaped as JSON allows.
fn of_digit(digit: char, view: View) -> String {
    let wide = char::from_u32(0xff10 + digit.to_digit(10).unwrap_or_default()).unwrap_or(digit);
    format!(r"(?:{digit}|{}|\\+u(?:003{digit}|ff1{digit}))", seen(&wide.to_string(), view))
}

/// Not as a part of a longer address.
fn whole_email(email: &Email, view: View) -> String {
    format!("(?<![{OF_ADDRESS}.]){}(?![{OF_ADDRESS}]|[.][0-9A-Za-z])", of_email(email, view))
}

fn of_email(email: &Email, view: View) -> String {
    let escaped = regex::escape(&seen(email.expose(), view));
    escaped.replace('@', r"(?:@|\\+u0040|%40)")
}

fn seen(text: &str, view: View) -> String {
    match view {
        View::Text => text.to_owned(),
        View::Bytes => text.bytes().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_found_in_many_spellings_and_not_in_longer_ones() {
        let phone = Phone::parse("11987654321", None).unwrap();
        let email: Email = "joao.x@example.com".parse().unwrap();
        let finder = Finder::new(&[phone], &[email]).unwrap();
        for text in [
            "11987654321",
            "\"+5511987654321\"",
            "+55 (11) 98765-4321",
            "tel 011 98765 4321.",
            "１１９８７６５４３２１",
            "JOAO.X@EXAMPLE.COM",
            r"joao.x\u0040example.com",
            "q=joao.x%40example.com&",
        ] {
            assert!(finder.is_in(text.as_bytes()), "{text}");
        }
        for text in
            ["119876543210", "411987654321", "xjoao.x@example.com", "joao.x@example.community", "", "\u{0}"]
        {
            assert!(!finder.is_in(text.as_bytes()), "{text}");
        }
    }
}
