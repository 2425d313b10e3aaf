//! Phones and addresses of a person: what their own leads say, and what was told when they were looked up.

use std::collections::BTreeSet;

use anyhow::Context as _;
use people::{Email, Person, Phone};
use seal::Place;
use sqlx::PgConnection;
use store::{leads, people as cache, webhook_events};
use uuid::Uuid;

use crate::{Erasure, pattern::Patterns};

/// What leads to a person beside the CPF.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    phones: BTreeSet<Phone>,
    emails: BTreeSet<Email>,
    /// Those that other people's leads name, too: a company's switchboard, a family's address.
    pub(crate) shared: u64,
    /// Look-ups that no key of ours opens.
    pub(crate) unreadable: u64,
}

impl Contacts {
    /// Gathers them from the rows of these leads, of these events and of the cache.
    pub(crate) async fn gather(
        erasure: &Erasure,
        connection: &mut PgConnection,
        indexes: &[Vec<u8>],
        lead_ids: &[String],
        event_ids: &[Uuid],
    ) -> anyhow::Result<Self> {
        let mut contacts = Self::default();
        for contact in leads::contacts(connection, lead_ids).await? {
            contacts.add(&contact);
        }
        for body in webhook_events::bodies_of(connection, event_ids).await? {
            contacts.add_lead(&body);
        }
        for kept in cache::of_person(connection, indexes).await? {
            match opened(erasure, &kept) {
                Some(person) => contacts.add_person(&person),
                None => contacts.unreadable += 1,
            }
        }
        Ok(contacts)
    }

    /// What an event of a lead says; anything else says nothing.
    pub(crate) fn add_lead(&mut self, body: &[u8]) {
        let customer = contract::c2s::Lead::parse(body).unwrap_or_default().customer;
        for text in [customer.phone, customer.phone2, customer.email].into_iter().flatten() {
            self.add(&text);
        }
    }

    fn add_person(&mut self, person: &Person) {
        for phone in &person.phones {
            self.add(&phone.number);
        }
        for email in &person.emails {
            self.add(&email.address);
        }
    }

    fn add(&mut self, text: &str) {
        if let Ok(email) = text.parse() {
            self.emails.insert(email);
        } else if let Ok(phone) = Phone::parse(text, None) {
            self.phones.insert(phone);
        }
    }

    /// Leaves out what leads of other people name, too: it is theirs as much.
    pub(crate) async fn without_shared(
        mut self,
        connection: &mut PgConnection,
        indexes: &[Vec<u8>],
    ) -> anyhow::Result<Self> {
        let mut own = (BTreeSet::new(), BTreeSet::new());
        for phone in std::mem::take(&mut self.phones) {
            let pattern = Patterns::of_contacts(std::slice::from_ref(&phone), &[]);
            if leads::is_of_others(connection, &pattern, indexes).await.context("leads of others")? {
                self.shared += 1;
            } else {
                own.0.insert(phone);
            }
        }
        for email in std::mem::take(&mut self.emails) {
            let pattern = Patterns::of_contacts(&[], std::slice::from_ref(&email));
            if leads::is_of_others(connection, &pattern, indexes).await.context("leads of others")? {
                self.shared += 1;
            } else {
                own.1.insert(email);
            }
        }
        (self.phones, self.emails) = own;
        Ok(self)
    }

    pub(crate) fn phones(&self) -> Vec<Phone> {
        self.phones.iter().cloned().collect()
    }

    pub(crate) fn emails(&self) -> Vec<Email> {
        self.emails.iter().cloned().collect()
    }
}

/// A look-up that is kept; one that knows nobody is an empty person.
fn opened(erasure: &Erasure, kept: &cache::Kept) -> Option<Person> {
    let Some(sealed) = kept.person_sealed.as_deref() else { return Some(Person::default()) };
    let row = kept.id.to_string();
    let place = Place { table: "people", column: "person_sealed", row: &row };
    serde_json::from_slice(&erasure.keys.as_ref()?.open(sealed, &place).ok()?).ok()
}
