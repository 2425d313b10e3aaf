//! What we keep of a person who was looked up: what a salesperson needs, and nothing of the rest that such services tell.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A person, as a look-up tells. Prints nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// Full name.
    pub name: Option<String>,
    /// Date of birth, as the service writes it (`05/03/1980`).
    pub born: Option<String>,
    /// Sex, in words.
    pub sex: Option<String>,
    /// Mother's name: how two people of one name are told apart.
    pub mother: Option<String>,
    /// State of the CPF at the tax office (`REGULAR`).
    pub registration: Option<String>,
    /// Whether the service says that the person is dead.
    pub is_dead: bool,
    /// Occupation.
    pub occupation: Option<String>,
    /// Monthly income in reais, as the service writes it (`2345,67`).
    pub income: Option<String>,
    /// Purchasing power, in words.
    pub purchasing_power: Option<String>,
    /// Range of income, in words.
    pub income_range: Option<String>,
    /// Phones, best first.
    pub phones: Vec<PersonPhone>,
    /// E-mail addresses, best first.
    pub emails: Vec<PersonEmail>,
    /// Addresses, newest first.
    pub addresses: Vec<Address>,
}

/// A phone of a person.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonPhone {
    /// Digits with area code.
    pub number: String,
    /// Whether it answers there (`whatsapp`: `SIM`).
    pub whatsapp: bool,
}

/// An e-mail address of a person.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonEmail {
    /// The address.
    pub address: String,
}

/// Where a person lives or lived.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street with its kind, number and complement.
    pub street: String,
    /// Neighbourhood.
    pub neighbourhood: String,
    /// City.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// Postal code.
    pub postal_code: String,
}

macro_rules! prints_nothing {
    ($($type:ty),*) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(..)"))
            }
        })*
    };
}

prints_nothing!(Person, PersonPhone, PersonEmail, Address);

impl Person {
    /// Whether the service told nothing that is worth a message.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_prints_nothing_and_survives_what_is_sealed() {
        let phones = vec![PersonPhone { number: "11987654321".to_owned(), whatsapp: true }];
        let person = Person { name: Some("JOAO EXEMPLO".to_owned()), phones, ..Person::default() };
        assert_eq!(format!("{person:?} {:?}", person.phones), "Person(..) [PersonPhone(..)]");
        let text = serde_json::to_string(&person).unwrap();
        assert_eq!(serde_json::from_str::<Person>(&text).unwrap(), person);
    }
}
