//! The message: one text for one lead, in the words that the older service used.

use std::fmt::Write as _;

use people::{Cpf, Person};

use super::{search::Whose, wanted::Asked};

/// How many of each are shown.
const EMAILS: usize = 3;
const PHONES: usize = 3;
const ADDRESSES: usize = 2;

/// How we know that a person is the lead's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Given,
    Same,
    ByPhone,
    ByEmail,
    /// Phone and e-mail are of two people, this is the first of them …
    FirstOfTwo,
    /// … and this the other.
    SecondOfTwo,
}

/// A person of the message.
pub(super) struct Block {
    pub(super) whose: Known,
    pub(super) cpf: Cpf,
    pub(super) person: Person,
}

impl Whose {
    /// The people of the message, and how each of them is known.
    pub(super) fn blocks(&self) -> Vec<(Cpf, Known)> {
        match *self {
            Self::Given(cpf) => vec![(cpf, Known::Given)],
            Self::Same(cpf) => vec![(cpf, Known::Same)],
            Self::OfPhone(cpf) => vec![(cpf, Known::ByPhone)],
            Self::OfEmail(cpf) => vec![(cpf, Known::ByEmail)],
            Self::Two { phone, email } => vec![(phone, Known::FirstOfTwo), (email, Known::SecondOfTwo)],
        }
    }
}

/// The text without its first line. Nothing in it depends on when it is made, so that the same person is the same text.
pub(super) fn compose(blocks: &[Block], asked: &Asked) -> String {
    let mut text = String::new();
    let phone = asked.phones.first().map(people::Phone::expose).unwrap_or_default();
    let email = asked.email.as_ref().map(people::Email::expose).unwrap_or_default();
    if let Some(first) = blocks.first() {
        line(&mut text, headline(first.whose));
    }
    for block in blocks {
        match block.whose {
            Known::FirstOfTwo => line(&mut text, &format!("\nPESSOA 1 (Telefone: {phone})")),
            Known::SecondOfTwo => line(&mut text, &format!("\nPESSOA 2 (E-mail: {email})")),
            Known::Given | Known::Same | Known::ByPhone | Known::ByEmail => {}
        }
        person(&mut text, &block.cpf, &block.person);
    }
    text.truncate(text.trim_end().len());
    text
}

const fn headline(known: Known) -> &'static str {
    match known {
        Known::Given => "✅ CPF informado pelo cliente",
        Known::Same => "✅ Telefone e e-mail da mesma pessoa",
        Known::ByPhone => "📞 Encontrado pelo telefone",
        Known::ByEmail => "📧 Encontrado pelo e-mail",
        Known::FirstOfTwo | Known::SecondOfTwo => {
            "⚠️ ATENÇÃO: Telefone e e-mail relacionados a PESSOAS DIFERENTES!"
        }
    }
}

fn person(text: &mut String, cpf: &Cpf, person: &Person) {
    line(text, "\n👤 DADOS PESSOAIS");
    field(text, "Nome", person.name.as_deref());
    field(text, "CPF", Some(&printed(cpf)));
    field(text, "Nascimento", person.born.as_deref());
    field(text, "Sexo", person.sex.as_deref());
    field(text, "Mãe", person.mother.as_deref());
    field(text, "Situação cadastral", person.registration.as_deref());
    field(text, "Profissão", person.occupation.as_deref());
    if person.is_dead {
        line(text, "⚠️ Consta como falecido(a)");
    }
    if person.income.is_some() || person.purchasing_power.is_some() || person.income_range.is_some() {
        line(text, "\n💰 DADOS FINANCEIROS");
        let income = person.income.as_ref().map(|income| format!("R$ {income}"));
        field(text, "Renda", income.as_deref());
        field(text, "Poder aquisitivo", person.purchasing_power.as_deref());
        field(text, "Faixa", person.income_range.as_deref());
    }
    list(text, "\n📧 EMAILS", person.emails.iter().take(EMAILS).map(|email| email.address.clone()));
    list(
        text,
        "\n📞 TELEFONES",
        person.phones.iter().take(PHONES).map(|phone| {
            let mark = if phone.whatsapp { " (WhatsApp)" } else { "" };
            format!("{}{mark}", phone.number)
        }),
    );
    list(
        text,
        "\n🏠 ENDERECOS",
        person.addresses.iter().take(ADDRESSES).map(|address| {
            let parts = [
                &address.street,
                &address.neighbourhood,
                &address.city,
                &address.state,
                &address.postal_code,
            ];
            let parts: Vec<_> =
                parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
            parts.join(", ")
        }),
    );
}

fn printed(cpf: &Cpf) -> String {
    let digits = cpf.expose();
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    format!("{}.{}.{}-{}", part(0, 3), part(3, 6), part(6, 9), part(9, 11))
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.filter(|line| !line.trim().is_empty()).peekable();
    if lines.peek().is_some() {
        line(text, title);
    }
    for entry in lines {
        line(text, &format!("• {}", one_line(&entry)));
    }
}

fn field(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value.map(one_line).filter(|value| !value.is_empty()) {
        line(text, &format!("{name}: {value}"));
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("a String takes every write");
}

fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use people::{Address, PersonEmail, PersonPhone};

    use super::*;

    fn person(name: &str) -> Person {
        Person {
            name: Some(name.to_owned()),
            income: Some("2345,67".to_owned()),
            phones: ["11987654321", "1132546796", "21987654321", "31987654321"]
                .map(|number| PersonPhone { number: number.to_owned(), whatsapp: number.ends_with('1') })
                .to_vec(),
            emails: vec![PersonEmail { address: "joao@example.com".to_owned() }],
            addresses: vec![Address {
                street: "RUA TESTE, 1".to_owned(),
                city: "SAO PAULO".to_owned(),
                ..Address::default()
            }],
            ..Person::default()
        }
    }

    fn asked() -> Asked {
        let body =
            r#"{"id":"1","attributes":{"customer":{"phone":"11987654321","email":"joao@example.com"}}}"#;
        Asked::of(body.as_bytes(), None)
    }

    #[test]
    fn one_person_is_told_in_sections_and_their_income_is_what_it_is() {
        let cpf = "52998224725".parse().unwrap();
        let text = compose(&[Block { whose: Known::Same, cpf, person: person("JOAO\nEXEMPLO") }], &asked());
        assert_eq!(
            text,
            "✅ Telefone e e-mail da mesma pessoa\n\n👤 DADOS PESSOAIS\nNome: JOAO EXEMPLO\nCPF: 529.982.247-25\n\n\
             💰 DADOS FINANCEIROS\nRenda: R$ 2345,67\n\n📧 EMAILS\n• joao@example.com\n\n📞 TELEFONES\n\
             • 11987654321 (WhatsApp)\n• 1132546796\n• 21987654321 (WhatsApp)\n\n🏠 ENDERECOS\n• RUA TESTE, 1, SAO PAULO"
        );
    }

    #[test]
    fn two_people_are_told_apart() {
        let whose =
            Whose::Two { phone: "52998224725".parse().unwrap(), email: "11144477735".parse().unwrap() };
        let blocks: Vec<_> = whose
            .blocks()
            .into_iter()
            .map(|(cpf, known)| Block {
                whose: known,
                cpf,
                person: Person { name: Some("X".to_owned()), ..Person::default() },
            })
            .collect();
        let text = compose(&blocks, &asked());
        for part in [
            "PESSOAS DIFERENTES!",
            "PESSOA 1 (Telefone: 11987654321)",
            "PESSOA 2 (E-mail: joao@example.com)",
            "111.444.777-35",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
