//! What an event wants from the enricher, and what a lead says of its person.

use consumer::Message;
use contract::c2s::{Action, Enquiry, Lead};
use people::{AreaCode, BlindIndex, Cpf, Email, Found, InvalidEmail, InvalidPhone, Phone};
use time::OffsetDateTime;

use crate::event::decode;

/// A lead that may be enriched.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) lead_id: String,
    pub(crate) updated_at: OffsetDateTime,
}

impl Wanted {
    /// None for what is no lead event, and for leads that were closed.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let is_closed = Action::from_hook_action(message.envelope.action.as_deref()) == Action::Closed;
        if message.envelope.rejected.is_some() || is_closed {
            return None;
        }
        let decoded = decode(message).ok()?;
        Some(Self { lead_id: decoded.lead_id, updated_at: decoded.updated_at })
    }
}

/// What a lead says of its person. Formats without telling who it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    name: String,
    pub(crate) phones: Vec<Phone>,
    pub(crate) email: Option<Email>,
    /// From a field, the description or the customer's own words.
    pub(crate) cpf: Option<Cpf>,
    /// The words name several people.
    pub(crate) is_ambiguous: bool,
    /// Contacts that nobody can be found by: what, and why.
    pub(crate) refused: Vec<(&'static str, &'static str)>,
}

impl Asked {
    /// Reads an event's body, or the API's.
    pub(crate) fn of(body: &[u8], area_code: Option<AreaCode>) -> Self {
        let (lead, enquiry) = (Lead::parse(body).unwrap_or_default(), Enquiry::parse(body));
        let customer = lead.customer;
        let mut asked = Self { name: customer.name.unwrap_or_default(), ..Self::default() };
        for text in [customer.phone, customer.phone2].into_iter().flatten() {
            match Phone::parse(&text, area_code) {
                Ok(phone) if asked.phones.contains(&phone) => {}
                Ok(phone) => asked.phones.push(phone),
                Err(error) => asked.refused.push(("phone", phone_reason(error))),
            }
        }
        match customer.email.map(|text| text.parse::<Email>()) {
            Some(Ok(email)) => asked.email = Some(email),
            Some(Err(error)) => asked.refused.push(("email", email_reason(error))),
            None => {}
        }
        (asked.cpf, asked.is_ambiguous) = in_words(&enquiry, &asked.phones);
        asked
    }

    /// Whether somebody could be found by it.
    pub(crate) fn is_anybody(&self) -> bool {
        self.cpf.is_some() || self.email.is_some() || !self.phones.is_empty()
    }

    /// Equal for leads that say the same of their person, however they spell it.
    pub(crate) fn fingerprints(&self, index: &BlindIndex) -> Vec<Vec<u8>> {
        let name = self.name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let email = self.email.as_ref().map(|email| email.expose().to_lowercase()).unwrap_or_default();
        let mut phones: Vec<_> = self.phones.iter().map(Phone::expose).collect();
        phones.sort_unstable();
        let cpf = self.cpf.as_ref().map(Cpf::expose).unwrap_or_default();
        index.all("lead", &[&name, &email, cpf, &phones.join(",")])
    }
}

/// The first place that names anybody decides: fields, then the description, then what the customer wrote last.
fn in_words(enquiry: &Enquiry, phones: &[Phone]) -> (Option<Cpf>, bool) {
    if let Some(cpf) = enquiry.documents.iter().find_map(|text| people::find_in_field(text)) {
        return (Some(cpf), false);
    }
    for text in &enquiry.texts {
        match people::find(text, phones) {
            Found::Nothing => {}
            Found::One(cpf) => return (Some(cpf), false),
            Found::Several => return (None, true),
        }
    }
    (None, false)
}

const fn phone_reason(error: InvalidPhone) -> &'static str {
    match error {
        InvalidPhone::Shape => "shape",
        InvalidPhone::AreaCode => "area_code",
        InvalidPhone::Fake => "fake",
    }
}

const fn email_reason(error: InvalidEmail) -> &'static str {
    match error {
        InvalidEmail::Shape => "shape",
        InvalidEmail::Relay => "relay",
    }
}

#[cfg(test)]
mod tests {
    use config::Secret;

    use super::*;

    fn asked(customer: &str, rest: &str) -> Asked {
        let body = format!(r#"{{"id":"1","attributes":{{"customer":{{{customer}}}{rest}}}}}"#);
        Asked::of(body.as_bytes(), None)
    }

    fn fingerprint(asked: &Asked) -> Vec<u8> {
        let index = BlindIndex::new(&[Secret::from("0123456789abcdef0123456789abcdef")]).unwrap();
        asked.fingerprints(&index).remove(0)
    }

    #[test]
    fn spelling_and_our_own_messages_do_not_change_the_fingerprint() {
        let one = asked(r#""name":"Joao  Exemplo","phone":"+5511987654321","email":"joao@example.com""#, "");
        let other = asked(
            r#""name":"joao exemplo","phone":"(11) 98765-4321","phone2":"11987654321","email":"joao@EXAMPLE.com""#,
            r#","messages":[{"sender":"Seller","message":"[weir:1]\nCPF: 529.982.247-25"}],"lead_status":{"alias":"won"}"#,
        );
        assert_eq!(fingerprint(&one), fingerprint(&other));
        for changed in [
            asked(r#""name":"Maria","phone":"+5511987654321","email":"joao@example.com""#, ""),
            asked(r#""name":"Joao Exemplo","phone":"+5511987654322","email":"joao@example.com""#, ""),
            asked(r#""name":"Joao Exemplo","phone":"+5511987654321""#, ""),
            asked(
                r#""name":"Joao Exemplo","phone":"+5511987654321","email":"joao@example.com""#,
                r#","description":"CPF 529.982.247-25""#,
            ),
        ] {
            assert_ne!(fingerprint(&one), fingerprint(&changed));
        }
    }

    #[test]
    fn a_field_comes_before_words_and_the_newest_word_before_older_ones() {
        let words = r#","messages":[{"created_at":"2026-01-20T10:00:00Z","sender":"Customer","message":"529.982.247-25"},
            {"created_at":"2026-01-20T11:00:00Z","sender":"Customer","message":"era 111.444.777-35"}]"#;
        assert_eq!(asked("", words).cpf.unwrap().expose(), "11144477735");
        assert_eq!(asked(r#""document":"123.456.789-09""#, words).cpf.unwrap().expose(), "12345678909");
        let both = asked("", r#","description":"529.982.247-25 ou 111.444.777-35""#);
        assert!(both.cpf.is_none() && both.is_ambiguous && !both.is_anybody());
    }

    #[test]
    fn contacts_that_lead_to_nobody_are_refused_with_a_reason() {
        let asked = asked(r#""phone":"11999999999","phone2":"123","email":"x@guest.portal.com""#, "");
        assert_eq!(asked.refused, [("phone", "fake"), ("phone", "shape"), ("email", "relay")]);
        assert!(!asked.is_anybody());
    }
}
