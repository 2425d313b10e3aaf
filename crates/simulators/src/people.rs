//! Invented people, whom the simulated look-up services know.

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Eleven digits; the check digits are right.
    pub cpf: String,
    /// Full name.
    pub name: String,
    /// Phones with area code, digits alone.
    pub phones: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
}

impl Person {
    /// Somebody with one phone and one address.
    pub fn new(cpf: &str, name: &str, phone: &str, email: &str) -> Self {
        Self {
            cpf: cpf.to_owned(),
            name: name.to_owned(),
            phones: vec![phone.to_owned()],
            emails: vec![email.to_owned()],
        }
    }

    pub(crate) fn has_phone(&self, digits: &str) -> bool {
        self.phones.iter().any(|phone| phone == digits)
    }

    pub(crate) fn has_email(&self, address: &str) -> bool {
        self.emails.iter().any(|email| email.eq_ignore_ascii_case(address))
    }
}

/// Those whom everybody knows.
pub fn everybody() -> Vec<Person> {
    vec![
        Person::new("52998224725", "JOAO EXEMPLO", "11987654321", "joao@example.com"),
        Person::new("11144477735", "MARIA EXEMPLO", "21976543210", "maria@example.com"),
        Person::new("12345678909", "CARLOS EXEMPLO", "31965432109", "carlos@example.com"),
        // A CPF that loses its first digit where somebody takes it for a number.
        Person::new("01234567890", "ANA EXEMPLO", "5532546724", "ana@example.com"),
    ]
}
